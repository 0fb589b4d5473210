import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { openTestSandbox, ROCKET } from './client.ts'

let sandbox: Awaited<ReturnType<typeof openTestSandbox>>
let image: Buffer
let fileUrl: string

const Initiated = z.object({ upload_url: z.string(), file_url: z.string() })

async function initiate(query = '') {
  const response = await sandbox.call(`/storage/upload/initiate${query}`, {
    method: 'POST',
    body: JSON.stringify({ content_type: 'image/png', file_name: 'my rocket.png' }),
  })
  return Initiated.parse(await response.json())
}

beforeAll(async () => {
  sandbox = await openTestSandbox({ maxUploadBytes: 1_000_000 })
  image = await readFile(ROCKET)
  const { upload_url, file_url } = await initiate()
  await fetch(upload_url, { method: 'PUT', body: new Uint8Array(image), headers: { 'content-type': 'image/png' } })
  fileUrl = file_url
})
afterAll(() => sandbox.close())

test('an upload can be downloaded whole, by any page', async () => {
  const response = await fetch(fileUrl)
  expect(Buffer.from(await response.arrayBuffer()).equals(image)).toBe(true)
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'image/png',
    'content-length': String(image.byteLength),
    'accept-ranges': 'bytes',
    'access-control-allow-origin': '*',
  })
})

test('initiate works in both forms, and requires a key', async () => {
  expect((await initiate('?storage_type=fal-cdn-v3')).file_url).toMatch(/\/my_rocket\.png$/)
  const response = await fetch(`${sandbox.url}/storage/upload/initiate`, { method: 'POST', body: '{}' })
  expect(response.status).toBe(401)
})

test('a range request returns its bytes', async () => {
  const response = await fetch(fileUrl, { headers: { range: 'bytes=10-19' } })
  expect([response.status, response.headers.get('content-range')]).toEqual([206, `bytes 10-19/${image.byteLength}`])
  expect(Buffer.from(await response.arrayBuffer()).equals(image.subarray(10, 20))).toBe(true)
})

test('a range beyond the end returns 416', async () => {
  const response = await fetch(fileUrl, { headers: { range: `bytes=${image.byteLength}-` } })
  expect([response.status, response.headers.get('content-range')]).toEqual([416, `bytes */${image.byteLength}`])
})

test('If-Range returns the range of an unchanged file, and the whole of a changed one', async () => {
  const etag = (await fetch(fileUrl, { method: 'HEAD' })).headers.get('etag') ?? ''
  const codes = []
  for (const ifRange of [etag, '"other"'])
    codes.push((await fetch(fileUrl, { headers: { range: 'bytes=0-1', 'if-range': ifRange } })).status)
  expect(codes).toEqual([206, 200])
  expect((await fetch(fileUrl, { headers: { 'if-none-match': etag } })).status).toBe(304)
})

test('HEAD returns the size and no body', async () => {
  const response = await fetch(fileUrl, { method: 'HEAD' })
  expect(response.headers.get('content-length')).toBe(String(image.byteLength))
  expect((await response.arrayBuffer()).byteLength).toBe(0)
})

test('an upload beyond the limit returns 413 and is not stored', async () => {
  const { upload_url, file_url } = await initiate()
  expect((await fetch(upload_url, { method: 'PUT', body: new Uint8Array(1_000_001) })).status).toBe(413)
  expect((await fetch(file_url)).status).toBe(404)
})

test('a client that disconnects halfway does no harm', async () => {
  const { upload_url } = await initiate()
  const put = request(upload_url, { method: 'PUT', headers: { 'content-length': 1000 } })
  const failed = once(put, 'error')
  await new Promise((resolve) => put.write(new Uint8Array(10), resolve))
  const download = await fetch(fileUrl)
  await download.body?.cancel()
  put.destroy(new Error('disconnected'))
  await failed
  expect((await fetch(`${sandbox.url}/healthz`)).status).toBe(200)
})

test.for([
  [undefined, null],
  ['bytes=0-', [0, 99]],
  ['bytes=90-200', [90, 99]],
  ['bytes=-10', [90, 99]],
  ['bytes=-200', [0, 99]],
  ['bytes=-0', 'unsatisfiable'],
  ['bytes=100-', 'unsatisfiable'],
  ['bytes=5-4', null],
  ['bytes=0-1,4-5', null],
  ['lines=0-1', null],
] as const)('the range %s of 100 bytes is %j', async ([range, expected]) => {
  const { upload_url, file_url } = await initiate()
  const bytes = Uint8Array.from({ length: 100 }, (_, index) => index)
  await fetch(upload_url, { method: 'PUT', body: bytes })
  const response = await fetch(file_url, { headers: range ? { range } : {} })
  const [start, end] = Array.isArray(expected) ? expected : [0, 99]
  expect([response.status, response.headers.get('content-range')]).toEqual(
    expected === null
      ? [200, null]
      : expected === 'unsatisfiable'
        ? [416, 'bytes */100']
        : [206, `bytes ${start}-${end}/100`],
  )
  if (response.ok) expect([...(await response.bytes())]).toEqual([...bytes.subarray(start, end + 1)])
})
