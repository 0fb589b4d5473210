import { describe, expect, test } from 'vitest'
import { parseMultipart } from '../../src/server/multipart-body.ts'

const BOUNDARY = '----a-boundary-of-the-usual-length'
const TYPE = `multipart/form-data; boundary=${BOUNDARY}`
const OPERATIONS = '{"query":"mutation($file: File!) { a }","variables":{"file":null}}'

const toPart = (head: string, body: string) => `--${BOUNDARY}\r\n${head}\r\n\r\n${body}\r\n`
const toField = (name: string, text: string) => toPart(`Content-Disposition: form-data; name="${name}"`, text)
const toFile = (name: string, text: string) =>
  toPart(`Content-Disposition: form-data; name="${name}"; filename="a.png"\r\nContent-Type: image/png`, text)
const END = `--${BOUNDARY}--\r\n`

const parse = (body: string, type = TYPE) => parseMultipart(Buffer.from(body), type)
const parseMap = (map: string, operations = OPERATIONS) =>
  parse(toField('operations', operations) + toField('map', map) + toFile('0', 'abc') + END)

test('a file is put where the map says', async () => {
  const params = (await parseMap('{"0":["variables.file"]}')) as { variables: { file: File } }
  expect(params.variables.file).toBeInstanceOf(File)
  expect([params.variables.file.type, await params.variables.file.text()]).toEqual(['image/png', 'abc'])
})

test('each file has its own content, whatever bytes that is', async () => {
  const contents = ['1', '', '\r\n--', `\r\n\r\n--${BOUNDARY.slice(0, -1)}\r\n`]
  for (const [a, b] of contents.flatMap((one) => contents.map((two) => [one, two] as const))) {
    const files = toFile('a', a) + toFile('b', b)
    const fields = toField('operations', '{"a":null,"b":null,"c":null}') + toField('map', '{"b":["b"],"a":["a","c"]}')
    for (const body of [fields + files, files + fields]) {
      const params = (await parse(body + END)) as Record<'a' | 'b' | 'c', File>
      expect(await Promise.all([params.a.text(), params.b.text(), params.c.text()])).toEqual([a, b, a])
    }
  }
})

test('a part without a file name is a file too, whatever bytes it has', async () => {
  const fields = toField('operations', OPERATIONS) + toField('map', '{"0":["variables.file"]}')
  const body = Buffer.concat([Buffer.from(fields), Buffer.from(toField('0', '\xff\0\r\n'), 'latin1'), Buffer.from(END)])
  const params = (await parseMultipart(body, TYPE)) as { variables: { file: File } }
  expect(Buffer.from(await params.variables.file.arrayBuffer()).toString('latin1')).toBe('\xff\0\r\n')
})

test('a boundary within a line of a file is content', async () => {
  const toPiece = (head: string, text: string) =>
    `--X\r\nContent-Disposition: form-data; name=${head}\r\n\r\n${text}\r\n`
  const fields = toPiece('"operations"', '{"a":null}') + toPiece('"map"', '{"f":["a"]}')
  const body = `${fields}${toPiece('"f"; filename="X"', 'aXb--X\n--X')}--X--\r\n`
  const { a } = (await parse(body, 'multipart/form-data; boundary=X')) as { a: File }
  expect(await a.text()).toBe('aXb--X\n--X')
})

test('a file name in another header makes no file', async () => {
  const head = 'Content-Disposition: form-data; name="operations"\r\nContent-Type: application/json; filename=x'
  expect(await parse(toPart(head, '{"a":1}') + END)).toEqual({ a: 1 })
})

test('a boundary in quotes, text before the first and after the last one do no harm', async () => {
  const body = `before\r\n${toField('operations', OPERATIONS)}${END}after`
  expect(await parse(body, `multipart/form-data; charset=utf-8; boundary="${BOUNDARY}"`)).toHaveProperty('query')
})

test.each([
  '{"0":["__proto__.polluted"]}',
  '{"0":["variables.__proto__.polluted"]}',
  '{"0":["constructor.prototype.polluted"]}',
  '{"0":["variables.toString"]}',
  '{"0":["variables.nothing"]}',
  '{"0":["query"]}',
  '{"0":["variables"]}',
  '{"0":[""]}',
  '{"0":[null]}',
  '{"0":"variables.file"}',
  '{"1":["variables.file"]}',
  '{"operations":["variables.file"]}',
  '{"__proto__":["variables.file"]}',
  '[]',
  '[["variables.file"]]',
  'null',
  '7',
])('the map %s is refused, and pollutes nothing', async (map) => {
  await expect(parseMap(map)).rejects.toMatchObject({ extensions: { code: 'BAD_REQUEST' } })
  expect('polluted' in {}).toBe(false)
})

test.each(['null', '7', '"text"', '[]'])('operations that are %s take no file', async (operations) => {
  await expect(parseMap('{"0":["variables.file"]}', operations)).rejects.toMatchObject({
    extensions: { code: 'BAD_REQUEST' },
  })
})

describe('a body of the largest size that is', () => {
  const BYTES = 15 * 1024 * 1024
  const fill = (piece: string) => piece.repeat(Math.ceil(BYTES / piece.length)).slice(0, BYTES)
  test.each<[string, string, string]>([
    ['parts alone', fill(toField('a', '')), 'BAD_REQUEST'],
    ['boundaries alone', fill(`--${BOUNDARY}\r\n`), 'BAD_REQUEST'],
    ['one header', `--${BOUNDARY}\r\nContent-Disposition: ${fill('a')}\r\n\r\n\r\n${END}`, 'BAD_REQUEST'],
    ['headers', `--${BOUNDARY}\r\n${fill('A: b\r\n')}\r\n\r\n${END}`, 'BAD_REQUEST'],
    ['line breaks', fill('\r\n'), 'PAYLOAD_TOO_LARGE'],
    ['dashes', fill('-'), 'PAYLOAD_TOO_LARGE'],
    ['almost a boundary', fill(`--${BOUNDARY.slice(0, -1)}`), 'PAYLOAD_TOO_LARGE'],
    ['a text', toField('operations', fill('a')) + END, 'PAYLOAD_TOO_LARGE'],
    ['a text without an end', toField('operations', fill('a')), 'PAYLOAD_TOO_LARGE'],
    ['a file without an end', toFile('0', fill('a')), 'PAYLOAD_TOO_LARGE'],
    ['text before the first part', fill('a') + toField('operations', OPERATIONS) + END, 'PAYLOAD_TOO_LARGE'],
    ['text after the last part', toField('operations', OPERATIONS) + END + fill('a'), 'PAYLOAD_TOO_LARGE'],
  ])('%s is refused at once', async (_name, body, code) => {
    const bytes = Buffer.from(body)
    const { user: before } = process.cpuUsage()
    await expect(parseMultipart(bytes, TYPE)).rejects.toMatchObject({ extensions: { code } })
    // Microseconds of computing, whatever else the machine has to do. Most are 15,000, and dashes 58,000.
    expect(process.cpuUsage().user - before).toBeLessThan(400_000)
  })
})
