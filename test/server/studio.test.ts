import { mkdir, writeFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import { request } from 'node:http'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { close, listen, serveRoutes } from '../../src/server/http.ts'
import { studioRoutes } from '../../src/server/studio.ts'
import { makeTemporaryDirectory } from '../helpers/directories.ts'

const SCRIPT = `console.log(${JSON.stringify('studio '.repeat(200))})`

let directory: Awaited<ReturnType<typeof makeTemporaryDirectory>>
let server: Server
let url: string

async function serve(folder: string): Promise<{ server: Server; url: string }> {
  const routes = studioRoutes({ directory: folder, mediaSources: ['127.0.0.1:*', '*.fal.media'], basePath: '/reelay' })
  const listening = await listen({ host: '127.0.0.1', port: 0 })
  serveRoutes(listening.server, [routes], { basePath: '/reelay', onError: () => {} })
  return listening
}

beforeAll(async () => {
  directory = await makeTemporaryDirectory('reelay-test-studio')
  await mkdir(join(directory.path, 'dist/assets'), { recursive: true })
  await writeFile(join(directory.path, 'secret.js'), 'not for you')
  await writeFile(join(directory.path, 'dist/sources.sha256'), 'not for you')
  await writeFile(join(directory.path, 'dist/assets/.hidden.js'), 'not for you')
  await writeFile(join(directory.path, 'dist/assets/notes.txt'), 'not for you')
  await writeFile(
    join(directory.path, 'dist/index.html'),
    '<title>Reelay</title><script src="./assets/index-abc.js"></script>',
  )
  await writeFile(join(directory.path, 'dist/assets/index-abc.js'), SCRIPT)
  ;({ server, url } = await serve(join(directory.path, 'dist')))
})

afterAll(async () => {
  await close(server)
  await directory.remove()
})

describe.each([
  '/',
  '/jobs/Sm9iOmE',
  '/jobs/anything%20else',
  '/reelay',
  '/reelay/',
  '/reelay?from=mail',
  '/reelay/jobs/a',
])('%s', (path) => {
  test('is the page, revalidated at each visit', async () => {
    const answer = await fetch(url + path)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(answer.headers.get('cache-control')).toBe('no-cache')
    expect(await answer.text()).toBe('<title>Reelay</title><script src="/reelay/assets/index-abc.js"></script>')
  })

  test('may only run its own scripts and play videos of the given hosts', async () => {
    const { headers } = await fetch(url + path)
    const policy = new Map(
      headers
        .get('content-security-policy')
        ?.split('; ')
        .map((rule) => [rule.split(' ')[0], rule.split(' ').slice(1)]),
    )
    expect(policy.get('default-src')).toEqual(["'none'"])
    expect(policy.get('script-src')).toEqual(["'self'"])
    expect(policy.get('style-src')).toEqual(["'self'"])
    expect(policy.get('img-src')).toEqual(["'self'", 'data:', 'blob:'])
    expect(policy.get('media-src')).toEqual(["'self'", 'blob:', '127.0.0.1:*', '*.fal.media'])
    expect(policy.get('connect-src')).toEqual(["'self'", '127.0.0.1:*', '*.fal.media'])
    expect(policy.get('frame-ancestors')).toEqual(["'none'"])
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
  })
})

/** Sends the path unchanged: fetch would normalize it. */
function getRaw(
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; headers: Record<string, unknown>; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const sent = request({ hostname, port, path, headers, agent: false }, async (answer) => {
      const chunks: Buffer[] = []
      for await (const chunk of answer) chunks.push(chunk as Buffer)
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) })
    })
    sent.once('error', reject)
    sent.end()
  })
}

test('assets are cached forever, and gzipped for clients that accept it', async () => {
  const plain = await getRaw('/assets/index-abc.js')
  const zipped = await getRaw('/assets/index-abc.js', { 'accept-encoding': 'br, gzip' })
  expect(plain.body.toString()).toBe(SCRIPT)
  expect(plain.headers['content-encoding']).toBeUndefined()
  expect(zipped.headers['content-encoding']).toBe('gzip')
  expect(gunzipSync(zipped.body).toString()).toBe(SCRIPT)
  for (const { headers } of [plain, zipped])
    expect(headers).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
      vary: 'accept-encoding',
    })
})

test.each([
  '/assets/../sources.sha256',
  '/assets/..%2fsources.sha256',
  '/assets/..%2f..%2fsecret.js',
  '/assets/%2e%2e%2f%2e%2e%2fsecret.js',
  '/assets/..%5c..%5csecret.js',
  '/assets/.hidden.js',
  '/assets/notes.txt',
  '/assets/%00index-abc.js',
  '/assets/index-old.js',
  '/assets/constructor',
  '/sources.sha256',
  '/jobs/a/b',
])('%s is not found', async (path) => {
  const { status, body } = await getRaw(path)
  expect([400, 404]).toContain(status)
  expect(body.toString()).not.toContain('not for you')
})

test('a server without a build says how to build the studio', async () => {
  const bare = await serve(join(directory.path, 'nothing'))
  try {
    const answer = await fetch(bare.url)
    expect(answer.status).toBe(503)
    expect(await answer.text()).toContain('npm run build')
  } finally {
    await close(bare.server)
  }
})
