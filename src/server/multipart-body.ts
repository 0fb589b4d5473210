import { setImmediate } from 'node:timers/promises'
import { MAX_OPERATION_BYTES } from './memory-budget.ts'

/** What is wrong with a multipart request, in words for its sender. */
export class MultipartError extends Error {
  readonly kind: 'malformed' | 'too large'
  constructor(kind: MultipartError['kind'], message: string) {
    super(message)
    this.kind = kind
  }
}

/** `operations`, `map` and a file, and room for one or two more that are passed over. */
const MAX_PARTS = 5
/** A part's headers are its name, the name of its file, and the file's type. */
const MAX_PART_HEADER_BYTES = 4096
/** Bytes that are searched in one turn of the event loop. */
const SEARCHED_BYTES = 1024 * 1024
const LINE_BREAK = '\r\n'
/** All other parts are files, also those without a file name, which some clients leave out. */
const TEXT_FIELD = /^content-disposition:.*[;\s]name="?(?:operations|map)"?\s*(?:;|$)/im
/** What RFC 2046 lets a boundary be made of: no character that a header would have to escape. */
const BOUNDARY = /;\s*boundary=(?:"([\w'()+,./:=? -]{1,70})"|([\w'()+,./:=?-]{1,70}))\s*(?:;|$)/i

/**
 * The parameters of a GraphQL multipart request, with its file in place.
 * @see https://github.com/jaydenseric/graphql-multipart-request-spec
 * @throws MultipartError
 */
export async function parseMultipart(body: Buffer<ArrayBuffer>, contentType: string): Promise<unknown> {
  const [, quoted, plain] = BOUNDARY.exec(contentType) ?? []
  const boundary = quoted ?? plain
  if (boundary === undefined) throw malformed('The Content-Type of the multipart request has no boundary.')
  const { rest, contents } = await takeContents(body, boundary)
  const form = await new Response(rest, { headers: { 'content-type': `multipart/form-data; boundary="${boundary}"` } })
    .formData()
    .catch(() => {
      throw malformed('The multipart request is malformed: expected named parts between boundaries.')
    })
  const operations = parseField(form, 'operations')
  if (!form.has('map')) return operations
  const map = parseField(form, 'map')
  if (typeof map !== 'object' || map === null || Array.isArray(map)) throw badMap()
  for (const [name, paths] of Object.entries(map)) {
    if (!Array.isArray(paths)) throw badMap()
    const file = await fillFile(form.get(name), contents)
    for (const path of paths) putFile(operations, String(path).split('.'), file)
  }
  return operations
}

/**
 * Takes the contents of files out of the body. Node's parser has no limits, reads headers byte by byte, and copies and
 * searches the rest for 90 ms where 15 MB nearly are the boundary: it only sees a short body of few parts with short headers,
 * in which each file is the number of its content.
 */
async function takeContents(body: Buffer<ArrayBuffer>, boundary: string) {
  const delimiter = Buffer.from(`\r\n--${boundary}`)
  const rest: Buffer[] = []
  const contents = new Map<string, Buffer<ArrayBuffer>>()
  let restStart = 0
  let parts = 0
  // The first delimiter needs no line before it.
  const isFirst = body.subarray(0, delimiter.length - LINE_BREAK.length).equals(delimiter.subarray(LINE_BREAK.length))
  for (let start = isFirst ? -LINE_BREAK.length : await find(body, delimiter, 0); start !== -1; parts++) {
    const headersStart = start + delimiter.length
    const next = await find(body, delimiter, headersStart)
    // After the last boundary nothing is read.
    if (next === -1) break
    if (parts === MAX_PARTS) throw malformed(`The multipart request has more than ${MAX_PARTS} parts.`)
    const headersEnd = body.subarray(0, headersStart + MAX_PART_HEADER_BYTES).indexOf('\r\n\r\n', headersStart)
    if (headersEnd === -1)
      throw malformed(`The headers of a part of the multipart request exceed ${MAX_PART_HEADER_BYTES} bytes.`)
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
    throw new MultipartError(
      'too large',
      `The multipart request exceeds ${MAX_OPERATION_BYTES} bytes without its files.`,
    )
  return { rest: Buffer.concat(rest), contents }
}

/** Searches a piece in a turn of the event loop: a needle that nearly repeats is looked for at 15 ns a byte. */
async function find(body: Buffer, needle: Buffer, from: number): Promise<number> {
  for (let start = from; start < body.length; start += SEARCHED_BYTES) {
    const index = body.subarray(start, start + SEARCHED_BYTES + needle.length - 1).indexOf(needle)
    if (index !== -1) return start + index
    await setImmediate()
  }
  return -1
}

/** The file that the parser saw, with its content; a text, where it has no name. */
async function fillFile(file: FormDataEntryValue | null, contents: ReadonlyMap<string, Buffer<ArrayBuffer>>) {
  const content = contents.get(file instanceof File ? await file.text() : String(file))
  if (content && file instanceof File) return new File([content], file.name, { type: file.type })
  if (content) return new File([content], '')
  if (file instanceof File) return file
  throw malformed('The "map" of the multipart request refers to a missing file.')
}

function parseField(form: FormData, name: string): unknown {
  const text = form.get(name)
  if (typeof text !== 'string') throw malformed(`The multipart request has no text field "${name}".`)
  try {
    return JSON.parse(text)
  } catch {
    throw malformed(`The field "${name}" of the multipart request is not valid JSON.`)
  }
}

/** Own properties alone are followed: a path cannot reach a prototype. */
function putFile(operations: unknown, path: readonly string[], file: File): void {
  let parent = operations
  for (const key of path.slice(0, -1)) parent = getOwn(parent, key)
  const last = path.at(-1) ?? ''
  if (getOwn(parent, last) !== null)
    throw malformed('Each path in the "map" of the multipart request must point to a null in "operations".')
  Object.assign(parent as object, { [last]: file })
}

function getOwn(parent: unknown, key: string): unknown {
  if (typeof parent !== 'object' || parent === null || !Object.hasOwn(parent, key)) return undefined
  return (parent as Record<string, unknown>)[key]
}

const malformed = (message: string) => new MultipartError('malformed', message)
const badMap = () =>
  malformed('The "map" of the multipart request must be an object of lists: {"0": ["variables.file"]}.')
