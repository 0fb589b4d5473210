import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../helpers/app.ts'
import { makeTemporaryDirectory, type TemporaryDirectory } from '../helpers/directories.ts'
import { findFreePort } from '../helpers/free-port.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/postgres.ts'
import { startTestSandbox, type TestSandbox } from '../helpers/sandbox.ts'
import { startScriptedFal } from '../helpers/scripted-fal.ts'
import { until } from '../helpers/until.ts'

const PROGRAM = fileURLToPath(new URL('../../cli/video.ts', import.meta.url))
const ROCKET = fileURLToPath(new URL('../../examples/rocket.png', import.meta.url))

let database: TestDatabase
let sandbox: TestSandbox
let app: TestApp
let directory: TemporaryDirectory

beforeAll(async () => {
  ;[database, sandbox] = await Promise.all([createTestDatabase(), startTestSandbox()])
  app = await startTestApp({ databaseUrl: database.url, falUrl: sandbox.url })
})
afterAll(async () => {
  await app?.stop()
  await sandbox?.stop()
  await database?.drop()
})
beforeEach(async () => {
  directory = await makeTemporaryDirectory('reelay-test-cli')
  return directory.remove
})

/** Runs the command as npm does, without a terminal: in a folder of npm's choice, typed in the test's directory. */
function run(words: string[], environment: Record<string, string> = {}) {
  const child = spawn(process.execPath, ['--no-warnings', PROGRAM, ...words], {
    cwd: tmpdir(),
    env: { ...process.env, INIT_CWD: directory.path, REELAY_URL: app.url, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { out: '', error: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => (output.out += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (output.error += text))
  const ended = once(child, 'close').then(([code]) => ({ code, ...output }))
  return { child, output, ended }
}

test('makes a video from an image and prints its progress in plain lines', async () => {
  const { code, out, error } = await run([ROCKET, '--seed', '42', '--fps', '12']).ended
  expect({ code, error }).toEqual({ code: 0, error: '' })
  expect(out).toMatch(/^Job \w+$/m)
  expect(out).toMatch(/^queued, (next up|\d+ ahead)$/m)
  expect(out).toMatch(/^generating$/m)
  expect(out).toMatch(/\b25\/25\b/)
  expect(out).toMatch(/^Saved rocket\.mp4/m)
  expect(out).toContain(`npm run video -- ${ROCKET} --seed 42 --fps 12`)
  expect(out.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
  expect(await readdir(directory.path)).toEqual(['rocket.mp4'])
  const video = await readFile(join(directory.path, 'rocket.mp4'))
  expect(video.subarray(4, 8).toString('latin1')).toBe('ftyp')
})

test('saves the video when the program that reads its output exits early', async () => {
  const { child, ended } = run([ROCKET])
  child.stdout.once('data', () => child.stdout.destroy())
  const { code, error } = await ended
  expect({ code, error }).toEqual({ code: 0, error: '' })
  expect(await readdir(directory.path)).toEqual(['rocket.mp4'])
})

test('reports all problems with the input, by option names, before it sends anything', async () => {
  await writeFile(join(directory.path, 'photo.jpeg'), 'no image')
  const words = ['photo.jpeg', '--fps', '500', '--motion', '999']
  // No server runs at this address, and none is started.
  const { code, out, error } = await run(words, { REELAY_URL: 'http://127.0.0.1:9' }).ended
  expect({ code, out }).toEqual({ code: 2, out: '' })
  expect(error).toMatch(/^ {2}IMAGE: Expected a JPEG, PNG or WebP image; this is text/m)
  expect(error).toMatch(/^ {2}--fps: must be from 10 to 100, not 500/m)
  expect(error).toMatch(/^ {2}--motion: must be from 1 to 255, not 999/m)
  const link = await run(['https://images.example/my cat.png']).ended
  expect(link.error).toContain('IMAGE: has a space at character 26: write %20')
})

test('reports usage errors before anything else', async () => {
  const [unknown, missing] = await Promise.all([run([ROCKET, '--sed', '1']).ended, run(['nothing.png']).ended])
  expect([unknown.code, missing.code]).toEqual([2, 2])
  expect(unknown.error).toContain("usage error: Unknown option '--sed'")
  expect(missing.error).toContain('no image at nothing.png')
})

test('leaves the job running when interrupted, and watches it again', async () => {
  const { child, output, ended } = run([ROCKET])
  await until(() => output.out.includes('queued'), { timeoutMs: 20_000, what: 'the job to be queued' })
  child.kill('SIGINT')
  const left = await ended
  expect(left.code).toBe(130)
  const [, id = ''] = /^ {2}npm run video -- --watch (\w+)$/m.exec(left.out) ?? []
  const watched = await run(['--watch', id, '--out', 'again.mp4']).ended
  expect(watched).toMatchObject({ code: 0, error: '', out: expect.stringContaining('Saved again.mp4') })
})

test('prints the reason of a failure once', async () => {
  const { code, out } = await run(['http://sandbox.test/content-policy.png']).ended
  const reasons = out.match(/flagged by a content checker/g)
  expect({ code, reasons }).toEqual({ code: 1, reasons: ['flagged by a content checker'] })
  expect(out).toMatch(/^The job failed.* \(CONTENT_POLICY, content_policy_violation\)$/m)
})

test('prints the reason for a delay, and its end', async () => {
  let isRefusing = true
  const fal = await startScriptedFal({
    refuse: () => (isRefusing ? { status: 401, body: { detail: 'Invalid key' } } : null),
    status: () => ({ status: 202, body: { status: 'IN_PROGRESS', logs: [] } }),
    result: () => ({ status: 400, body: {} }),
  })
  const own = await createTestDatabase()
  const refused = await startTestApp({ databaseUrl: own.url, falUrl: fal.url })
  try {
    const { child, output, ended } = run(['https://example.com/rocket.png'], { REELAY_URL: refused.url })
    const untilPrinted = (what: string) => until(() => output.out.includes(what), { timeoutMs: 60_000, what })
    await untilPrinted('submitting to fal')
    await untilPrinted('waiting: fal refuses the API key')
    await untilPrinted('  fal refuses the API key: Invalid key. Jobs wait until the operator sets FAL_KEY')
    isRefusing = false
    await untilPrinted('  fal accepts requests again: the job was submitted.')
    child.kill('SIGINT')
    await ended
  } finally {
    await refused.stop()
    await Promise.all([own.drop(), fal.stop()])
  }
}, 120_000)

test('reports an unknown job', async () => {
  const { code, error } = await run(['--watch', 'nothing']).ended
  expect({ code, error }).toEqual({ code: 1, error: expect.stringMatching(/expected the id/) })
})

test('starts a server if none answers, and stops it at the end', async () => {
  const url = `http://127.0.0.1:${await findFreePort()}`
  const own = await createTestDatabase()
  try {
    const environment = {
      REELAY_URL: url,
      DATABASE_URL: own.url,
      DATA_DIR: join(directory.path, 'data'),
      FAL_KEY: 'test-key',
      FAL_QUEUE_URL: sandbox.url,
      FAL_REST_URL: sandbox.url,
    }
    const { code, out, error } = await run([ROCKET], environment).ended
    expect({ code, error }).toEqual({ code: 0, error: '' })
    expect(out).toContain(`No server running at ${url}; starting one for this command`)
    await expect(fetch(`${url}/healthz`)).rejects.toThrow()
  } finally {
    await own.drop()
  }
})
