import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { GenerateVideoDocument, WatchJobDocument } from '../../operations/generated/graphql.ts'
import { makeTemporaryDirectory, type TemporaryDirectory } from '../helpers/directories.ts'
import { request, subscribe } from '../helpers/graphql-client.ts'
import { openRecordingServer } from '../helpers/recording-server.ts'
import { runServerProcess, startServerProcess } from '../helpers/server-process.ts'
import { until } from '../helpers/until.ts'

let directory: TemporaryDirectory

beforeAll(async () => {
  directory = await makeTemporaryDirectory('reelay-test-start')
})

afterAll(() => directory.remove())

test('without settings it starts its own database and sandbox and prints what runs where, also after a kill', async () => {
  const first = await startServerProcess({ DATA_DIR: directory.path })
  const ready = await fetch(`${first.url}/readyz`)
  expect(ready.status).toBe(200)
  expect(first.output()).toContain(`GraphQL    ${first.url}/graphql`)
  expect(first.output()).toMatch(/database {3}embedded Postgres/)
  expect(first.output()).toMatch(/fal {8}local sandbox at http:\/\/127\.0\.0\.1:\d+/)
  expect(first.output()).toContain('generateVideo(input:')
  const sandboxUrl = /local sandbox at (http:\/\/127\.0\.0\.1:\d+)/.exec(first.output())?.[1]
  await first.end('SIGKILL')

  const second = await startServerProcess({ DATA_DIR: directory.path })
  expect((await fetch(`${second.url}/readyz`)).status).toBe(200)
  // The urls of earlier videos are of this address.
  expect(second.output()).toContain(sandboxUrl)

  // Its key there is no word of the sandbox's own texts, or these would hide it.
  const { data } = await request(second.url, GenerateVideoDocument, {
    input: { imageUrl: 'http://sandbox.test/a.png' },
  })
  if (data.generateVideo.__typename !== 'GenerateVideoSuccess') throw new Error('no job was made')
  const messages: string[] = []
  for await (const update of subscribe(second.url, WatchJobDocument, { id: data.generateVideo.job.id }))
    messages.push(...(update.data?.jobProgress.logs.map(({ message }) => message) ?? []))
  expect(messages).toContain('A sandbox runner started the request (this is not fal)')

  // A second server on the directory would stop this one's database when it stops.
  expect(await runServerProcess({ DATA_DIR: directory.path, FAL_KEY: 'k' })).toEqual({
    code: 1,
    output: `cannot start: another Reelay server uses ${directory.path}: stop it, or set DATA_DIR to another directory\n`,
  })
  const { port } = new URL(second.url)
  const other = await runServerProcess({
    DATA_DIR: join(directory.path, 'other'),
    PORT: port,
    FAL_KEY: 'k',
    LOG_LEVEL: 'warn',
  })
  expect(other).toEqual({
    code: 1,
    output: `cannot start: cannot listen on 127.0.0.1:${port} (EADDRINUSE): set HOST and PORT to a free address\n`,
  })
  expect((await fetch(`${second.url}/readyz`)).status).toBe(200)
  expect(await second.end('SIGTERM')).toEqual({ code: 0, signal: null })
  expect(second.output()).toMatch(/"msg":"stopped"\}\n$/)
}, 90_000)

async function readPostgresId(): Promise<number> {
  return Number.parseInt(await readFile(join(directory.path, 'postgres-17/postmaster.pid'), 'utf8'), 10)
}

test('a closed terminal stops the server like SIGTERM, though its output is closed: no Postgres is left', async () => {
  const server = await startServerProcess({ DATA_DIR: directory.path })
  const postgresId = await readPostgresId()
  server.process.stdout?.destroy()
  server.process.stderr?.destroy()
  // A shell and the system may both send it.
  server.process.kill('SIGHUP')
  expect(await server.end('SIGHUP')).toEqual({ code: 0, signal: null })
  expect(() => process.kill(postgresId, 0)).toThrow('ESRCH')
}, 60_000)

test('a second signal ends a drain immediately, and no Postgres is left', async () => {
  // A submit that has left is waited for.
  const fal = await openRecordingServer()
  fal.script(({ method }) => (method === 'GET' ? { status: 404, json: { detail: 'Not found' } } : undefined))
  try {
    const settings = { DATA_DIR: directory.path, FAL_KEY: 'k', FAL_QUEUE_URL: fal.url, FAL_REST_URL: fal.url }
    const server = await startServerProcess(settings)
    const postgresId = await readPostgresId()
    await request(server.url, GenerateVideoDocument, { input: { imageUrl: 'https://example.com/a.png' } })
    await until(() => fal.requests.some(({ method }) => method === 'POST'), { timeoutMs: 20_000, what: 'the submit' })
    const ended = server.end('SIGINT')
    const firstAt = performance.now()
    await until(() => server.output().includes('"msg":"stopping"'))
    // Sooner, it would be taken for the first one, passed on by npm.
    await until(() => performance.now() - firstAt > 600)
    server.process.kill('SIGINT')
    expect(await ended).toEqual({ code: 1, signal: null })
    expect(server.output()).toContain('"msg":"stopping immediately"')
    expect(server.output()).not.toContain('"msg":"stopped"')
    expect(() => process.kill(postgresId, 0)).toThrow('ESRCH')
  } finally {
    await fal.close()
  }
}, 60_000)

test('an old Node exits with a one-line message instead of a syntax error', async () => {
  const older = "Object.defineProperty(process,'versions',{value:{...process.versions,node:'22.18.0'}})"
  const { code, output } = await runServerProcess({
    NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(older)}`,
  })
  expect({ code, output }).toEqual({
    code: 1,
    output: 'cannot start: Node 22.18.0 is older than 24: use npm start, which runs the Node that npm ci installed\n',
  })
})

test('invalid settings are all reported together, one line each and without secrets, before anything is opened', async () => {
  const { code, output } = await runServerProcess({
    PORT: '70000',
    DATABASE_URL: 'mysql://user:hunter2@db/x',
    LOG_LEVEL: 'loud',
    FAL_QUEUE_URL: 'https://queue.example.com',
  })
  expect(code).toBe(1)
  const names = output.split('\n').map((line) => line.split(' ').slice(0, 2).join(' '))
  expect(names).toEqual(['cannot start:', '- PORT', '- DATABASE_URL', '- LOG_LEVEL', '- FAL_KEY', ''])
  expect(output).not.toContain('hunter2')
})

test('a key is asked for when fal is set without one', async () => {
  const { code, output } = await runServerProcess({ FAL_QUEUE_URL: 'https://queue.example.com' })
  expect({ code, output }).toEqual({
    code: 1,
    output: 'cannot start: FAL_KEY is missing: set it, or unset FAL_QUEUE_URL to use the local sandbox\n',
  })
})

test('production uses the sandbox and the embedded database only when they are set explicitly', async () => {
  const { code, output } = await runServerProcess({ NODE_ENV: 'production' })
  expect(code).toBe(1)
  expect(output).toContain('DATABASE_URL is missing')
  expect(output).toContain('FAL_KEY is missing')
})

test('an unreachable database is reported without its password', async () => {
  const { code, output } = await runServerProcess({
    DATABASE_URL: 'postgres://user:hunter2@127.0.0.1:1/x',
    FAL_KEY: 'k',
  })
  expect(code).toBe(1)
  expect(output).toContain('cannot connect to Postgres at 127.0.0.1:1')
  expect(output).not.toContain('hunter2')
})
