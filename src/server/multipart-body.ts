import { setImmediate } from 'node:timers/promises'
import { badRequest, payloadTooLarge } from './errors.ts'
import { MAX_OPERATION_BYTES } from './memory-budget.ts'

/** `operations`, `map` and a file; two more parts are ignored. */
const MAX_PARTS = 5
/** Headers of one part: its name, file name and content type. */
const MAX_PART_HEADER_BYTES = 4096
/** Bytes searched per turn of the event loop. */
const SEARCHED_BYTES = 1024 * 1024
const LINE_BREAK = '\r\n'
/** All other parts are files, even without a file name, which some clients omit. */
const TEXT_FIELD = /^content-disposition:.*[;\s]name="?(?:operations|map)"?\s*(?:;|$)/im
/** The characters of a boundary in RFC 2046; none needs escaping in a header. */
const BOUNDARY = /;\s*boundary=(?:"([\w'()+,./:=? -]{1,70})"|([\w'()+,./:=?-]{1,70}))\s*(?:;|$)/i

/**
 * Parses the parameters of a GraphQL multipart request, with each file in its place.
 * @see https://github.com/jaydenseric/graphql-multipart-request-spec
 * @throws GraphQLError
 */
export async function parseMultipart(body: Buffer<ArrayBuffer>, contentType: string): Promise<unknown> {
  const [, quoted, plain] = BOUNDARY.exec(contentType) ?? []
  const boundary = quoted ?? plain
  if (boundary === undefined) throw badRequest('The Content-Type of the multipart request has no boundary.')
  const { rest, contents } = await extractFiles(body, boundary)
  const form = await new Response(rest, { headers: { 'content-type': `multipart/form-data; boundary="${boundary}"` } })
    .formData()
    .catch(() => {
      throw badRequest('The multipart request is malformed: expected named parts between boundaries.')
    })
  const operations = parseField(form, 'operations')
  if (!form.has('map')) return operations
  const map = parseField(form, 'map')
  if (typeof map !== 'object' || map === null || Array.isArray(map)) throw badMap()
  for (const [name, paths] of Object.entries(map)) {
    if (!Array.isArray(paths)) throw badMap()
    const file = await restoreFile(form.get(name), contents)
    for (const path of paths) putFile(operations, String(path).split('.'), file)
  }
  return operations
}

/**
 * Moves the contents of files out of the body, and leaves a number in place of each. Node's parser has no limits, reads
 * headers byte by byte, and takes 90 ms for 15 MB that almost match the boundary: it only gets a short body of few
 * parts with short headers.
 */
async function extractFiles(body: Buffer<ArrayBuffer>, boundary: string) {
  const delimiter = Buffer.from(`\r\n--${boundary}`)
  const rest: Buffer[] = []
  const contents = new Map<string, Buffer<ArrayBuffer>>()
  let restStart = 0
  let parts = 0
  // The first delimiter may be at the very start, without a line break before it.
  const isFirst = body.subarray(0, delimiter.length - LINE_BREAK.length).equals(delimiter.subarray(LINE_BREAK.length))
  for (let start = isFirst ? -LINE_BREAK.length : await find(body, delimiter, 0); start !== -1; parts++) {
    const headersStart = start + delimiter.length
    const next = await find(body, delimiter, headersStart)
    // The text after the last boundary is ignored.
    if (next === -1) break
    if (parts === MAX_PARTS) throw badRequest(`The multipart request has more than ${MAX_PARTS} parts.`)
    const headersEnd = body.subarray(0, headersStart + MAX_PART_HEADER_BYTES).indexOf('\r\n\r\n', headersStart)
    if (headersEnd === -1)
      throw badRequest(`The headers of a part of the multipart request exceed ${MAX_PART_HEADER_BYTES} bytes.`)
    const isFile = !TEXT_FIELD.test(body.toString('latin1', headersStart, headersEnd))
    const contentStart = headersEnd + '\r\n\r\n'.length
    if (isFile && contentStart <= next) {
      const number = String(contents.size)
      rest.push(body.subarray(restStart, contentStart), Buffer.from(number))
      contents.set(number, body.subarray(contentStart, next))
      restStart = next
    }
    start = next
  }
  rest.push(body.subarray(restStart))
  if (rest.reduce((bytes, { length }) => bytes + length, 0) > MAX_OPERATION_BYTES)
    throw payloadTooLarge(`The multipart request exceeds ${MAX_OPERATION_BYTES} bytes without its files.`)
  return { rest: Buffer.concat(rest), contents }
}

/** Searches one piece per turn of the event loop: a needle that almost repeats takes 15 ns per byte. */
async function find(body: Buffer, needle: Buffer, from: number): Promise<number> {
  for (let start = from; start < body.length; start += SEARCHED_BYTES) {
    const index = body.subarray(start, start + SEARCHED_BYTES + needle.length - 1).indexOf(needle)
    if (index !== -1) return start + index
    await setImmediate()
  }
  return -1
}

/** The parsed file with its content; a part without a file name was parsed as text. */
async function restoreFile(file: FormDataEntryValue | null, contents: ReadonlyMap<string, Buffer<ArrayBuffer>>) {
  const content = contents.get(file instanceof File ? await file.text() : String(file))
  if (content && file instanceof File) return new File([content], file.name, { type: file.type })
  if (content) return new File([content], '')
  if (file instanceof File) return file
  throw badRequest('The "map" of the multipart request refers to a missing file.')
}

function parseField(form: FormData, name: string): unknown {
  const text = form.get(name)
  if (typeof text !== 'string') throw badRequest(`The multipart request has no text field "${name}".`)
  try {
    return JSON.parse(text)
  } catch {
    throw badRequest(`The field "${name}" of the multipart request is not valid JSON.`)
  }
}

/** Follows own properties only: a path cannot reach a prototype. */
function putFile(operations: unknown, path: readonly string[], file: File): void {
  let parent = operations
  for (const key of path.slice(0, -1)) parent = getOwn(parent, key)
  const last = path.at(-1) ?? ''
  if (getOwn(parent, last) !== null)
    throw badRequest('Each path in the "map" of the multipart request must point to a null in "operations".')
  Object.assign(parent as object, { [last]: file })
}

function getOwn(parent: unknown, key: string): unknown {
  if (typeof parent !== 'object' || parent === null || !Object.hasOwn(parent, key)) return undefined
  return (parent as Record<string, unknown>)[key]
}

const badMap = () =>
  badRequest('The "map" of the multipart request must be an object of lists: {"0": ["variables.file"]}.')
