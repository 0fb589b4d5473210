import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createClient } from '@redis/client'
import { makeTemporaryDirectory } from './directories.ts'
import { findFreePort } from './free-port.ts'
import { until } from './until.ts'

export interface RedisServer {
  url: string
  /** Kills it immediately. */
  stop(): Promise<void>
  /** Starts it again on the same port. */
  start(): Promise<void>
  close(): Promise<void>
}

/** Whether `redis-server` is installed. On Debian it is the package of that name. */
export function hasRedis(): boolean {
  return spawnSync('redis-server', ['--version']).status === 0
}

/** A Redis for one test on a free port, without persistence. */
export async function startRedisServer(): Promise<RedisServer> {
  const directory = await makeTemporaryDirectory('reelay-test-redis')
  const port = await findFreePort()
  const url = `redis://127.0.0.1:${port}`
  let child: ChildProcess | null = null

  async function start(): Promise<void> {
    const settings = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--dir', directory.path]
    child = spawn('redis-server', settings, { stdio: 'ignore' })
    await until(() => isUp(url), { what: 'the redis-server' })
  }
  async function stop(): Promise<void> {
    if (!child) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
    child = null
  }
  await start()
  return {
    url,
    start,
    stop,
    close: async () => {
      await stop()
      await directory.remove()
    },
  }
}

async function isUp(url: string): Promise<boolean> {
  const client = createClient({ url, socket: { reconnectStrategy: false } })
  client.on('error', () => {})
  try {
    await client.connect()
    client.destroy()
    return true
  } catch {
    return false // not up yet
  }
}
