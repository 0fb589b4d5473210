import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { expect } from 'vitest'
import { makeTemporaryDirectory } from '../helpers/directories.ts'
import { findFreePort } from '../helpers/free-port.ts'
import { createTestDatabase } from '../helpers/postgres.ts'
import { findRefusedUrl } from '../helpers/recording-server.ts'
import { type ServerProcess, startServerProcess } from '../helpers/server-process.ts'
import { until } from '../helpers/until.ts'

/** A server in a process of its own, which strangers try to bring down. */
export interface Target {
  url: string
  port: number
  server: ServerProcess
  /** Subscriptions that the server serves, by its own figure. */
  countSubscriptions(): Promise<number>
  /** Descriptors that the process has open. Null where the system does not tell. */
  countDescriptors(): number | null
  /** Memory of the process, in bytes. Null where the system does not tell. */
  residentBytes(): number | null
  /** The lines on its standard error that are not of its own log. */
  strangeLines(): string[]
  /** Ends the server, and checks that it ended by the signal. */
  close(): Promise<void>
}

export async function startTarget(environment: Record<string, string> = {}): Promise<Target> {
  const database = await createTestDatabase()
  const fal = await findRefusedUrl()
  const server = await startServerProcess({
    DATABASE_URL: database.url,
    FAL_KEY: 'test-key',
    FAL_QUEUE_URL: fal,
    FAL_REST_URL: fal,
    NODE_ENV: 'production',
    PUBLIC_URL: 'http://127.0.0.1',
    ...environment,
  })
  const proc = `/proc/${server.process.pid}`
  return {
    url: server.url,
    port: Number(new URL(server.url).port),
    server,
    countSubscriptions: async () => {
      const text = await (await fetch(`${server.url}/metrics`)).text()
      return Number(/^reelay_subscriptions\S* (\d+)/m.exec(text)?.[1])
    },
    countDescriptors: () => (existsSync(proc) ? readdirSync(`${proc}/fd`).length : null),
    residentBytes: () =>
      existsSync(proc) ? Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`${proc}/status`, 'utf8'))?.[1]) * 1024 : null,
    strangeLines: () =>
      server
        .output()
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('{"level":') && !isOfStartScreen(line)),
    close: async () => {
      expect(await server.end('SIGTERM')).toEqual({ code: 0, signal: null })
      await database.drop()
    },
  }
}

/** Outside production the server prints a banner, whose lines are all indented. */
function isOfStartScreen(line: string): boolean {
  return line.startsWith('  ') && !/^\s+at /.test(line)
}

/** Proves that others are served. */
export async function expectServed(url: string): Promise<void> {
  // A connection of its own: one that is kept for the next request may just be closing.
  const asked = request(`${url}/graphql`, {
    method: 'POST',
    agent: false,
    headers: { 'content-type': 'application/json', 'graphql-require-preflight': '1' },
    signal: AbortSignal.timeout(30_000),
  }).end('{"query":"{ __typename }"}')
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  expect(await json(answer)).toEqual({ data: { __typename: 'Query' } })
}

/** A connection that keeps what comes, and does not mind how it ends. */
export async function openConnection(port: number, host = '127.0.0.1'): Promise<Socket> {
  const socket = connect(port, host)
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** The start of an HTTP request, up to its empty line. */
export function toHead(method: string, path: string, headers: Record<string, string> = {}): string {
  const lines = Object.entries({ host: '127.0.0.1', ...headers }).map(([name, value]) => `${name}: ${value}`)
  return [`${method} ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n')
}

export const UPGRADE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
  'sec-websocket-protocol': 'graphql-transport-ws',
}

/** A frame as clients send it, masked with zeros. */
export function toFrame(opcode: number, payload: string | Uint8Array, { final = true } = {}): Buffer {
  const bytes = Buffer.from(payload)
  const first = (final ? 0x80 : 0) | opcode
  if (bytes.length < 126) return Buffer.concat([Buffer.from([first, 0x80 | bytes.length, 0, 0, 0, 0]), bytes])
  const head = Buffer.alloc(14)
  head[0] = first
  head[1] = 0x80 | 127
  head.writeBigUInt64BE(BigInt(bytes.length), 2)
  return Buffer.concat([head, bytes])
}

/** Is there a haproxy to start? In Debian it is the package of that name. */
export function hasHaproxy(): boolean {
  return spawnSync('haproxy', ['-v']).status === 0
}

/** The load balancer of compose.yaml, in front of one server. */
export async function startHaproxy(targetPort: number): Promise<{ port: number; close(): Promise<void> }> {
  const directory = await makeTemporaryDirectory('reelay-test-haproxy')
  const port = await findFreePort()
  const config = readFileSync(new URL('../../deploy/haproxy.cfg', import.meta.url), 'utf8')
    // Twice as many descriptors as connections are more than a test may have open.
    .replace('maxconn 20000', 'maxconn 4000')
    .replace('bind :4000', `bind 127.0.0.1:${port}`)
    .replace('server-template api 10 api:4000', `server api 127.0.0.1:${targetPort}`)
    .replace(/ resolvers docker resolve-prefer ipv4/, '')
    .replace(/^resolvers docker\n(?: {4}.*\n)+/m, '')
  const path = join(directory.path, 'haproxy.cfg')
  await writeFile(path, config)
  const child: ChildProcess = spawn('haproxy', ['-f', path, '-db'], { stdio: 'ignore' })
  const exited = once(child, 'exit')
  await until(() => fetch(`http://127.0.0.1:${port}/healthz`).then(({ ok }) => ok), {
    timeoutMs: 15_000,
    everyMs: 50,
    what: 'haproxy',
  })
  return {
    port,
    close: async () => {
      child.kill('SIGKILL')
      await exited
      await directory.remove()
    },
  }
}
