import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { z } from 'zod'
import { makeTemporaryDirectory, type TemporaryDirectory } from '../helpers/directories.ts'
import { until } from '../helpers/until.ts'
import { createClient } from './client.ts'

const PROGRAM = fileURLToPath(new URL('../../sandbox/main.ts', import.meta.url))
const INPUT = { image_url: 'http://sandbox.test/ordinary.png', seed: 1 }
const started: ChildProcess[] = []
const directories: TemporaryDirectory[] = []

afterEach(async () => {
  for (const child of started.splice(0)) if (isRunning(child)) await end(child, 'SIGKILL')
  for (const directory of directories.splice(0)) await directory.remove()
})

async function makeDirectory(): Promise<string> {
  const directory = await makeTemporaryDirectory('sandbox-restart')
  directories.push(directory)
  return directory.path
}

async function start(dataDir: string, env: Record<string, string> = {}) {
  const child = spawn(process.execPath, ['--no-warnings', PROGRAM], {
    env: { ...process.env, SANDBOX_DATA_DIR: dataDir, SANDBOX_STEP_MS: '2', ...env },
    stdio: ['ignore', 'pipe', 'ignore', 'ipc'],
  })
  started.push(child)
  if (!child.stdout) throw new Error('expected a pipe')
  const lines: string[] = []
  createInterface(child.stdout).on('line', (line) => lines.push(line))
  const first = await until(() => lines[0], { timeoutMs: 10_000, what: 'the first line' })
  return { child, lines, ...createClient(z.object({ url: z.url() }).parse(JSON.parse(first)).url) }
}

const isRunning = (child: ChildProcess) => child.exitCode === null && child.signalCode === null

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<unknown> {
  const exited = once(child, 'exit')
  child.kill(signal)
  const [code] = await exited
  return code
}

test('after SIGKILL it restarts at the same URL with its results and resumes the rest', async () => {
  const dataDir = await makeDirectory()
  const before = await start(dataDir)
  const done = await before.submit(INPUT)
  await before.completed(done)
  const video = await before.video(done)
  const running = await before.submit({ image_url: 'http://sandbox.test/result-504-twice.png', seed: 1 })
  const slow = await before.submit({ image_url: 'http://sandbox.test/slow.png', seed: 1 })
  await until(async () => (await before.status(slow)).status === 'IN_PROGRESS')
  await end(before.child, 'SIGKILL')

  const after = await start(dataDir)
  expect(after.url).toBe(before.url)
  expect(await after.video(done)).toEqual(video)
  expect((await (await fetch(video.video.url)).arrayBuffer()).byteLength).toBe(video.video.file_size)
  expect((await after.completed(running)).error).toBeUndefined()
  expect((await after.completed(slow)).error).toBeUndefined()
})

test('it stops cleanly on SIGTERM with an open stream, and prints one line only', async () => {
  const { child, lines, submit, call } = await start(await makeDirectory())
  const request = await submit({ image_url: 'http://sandbox.test/silent-stream.png' })
  const stream = await call(`${request.status_url}/stream`)
  const read = stream.text().catch(() => 'cut')
  expect(await end(child, 'SIGTERM')).toBe(0)
  await read
  expect(lines).toHaveLength(1)
})

test('it exits when its parent disconnects', async () => {
  const { child } = await start(await makeDirectory())
  const exited = once(child, 'exit')
  child.disconnect()
  expect((await exited)[0]).toBe(0)
})

test('a setting out of range is reported, and the sandbox does not start', async () => {
  const child = spawn(process.execPath, ['--no-warnings', PROGRAM], {
    env: { ...process.env, SANDBOX_DATA_DIR: await makeDirectory(), SANDBOX_SLOTS: '0' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  started.push(child)
  let output = ''
  child.stderr?.on('data', (chunk) => {
    output += String(chunk)
  })
  const [code] = await once(child, 'close')
  expect(code).toBe(1)
  expect(output).toContain('SANDBOX_SLOTS')
})
