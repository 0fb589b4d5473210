import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WatchFeedDocument } from '../../operations/generated/graphql.ts'
import { findRetransmitting } from '../../src/server/tcp-retransmits.ts'
import { until } from '../helpers/until.ts'
import { startTarget, type Target } from './rig.ts'

/** A network of its own for the client, whose cable can be cut: only root of a Linux can make one. */
const NAME = `reelay${process.pid}`
/** Of the addresses for tests of networks (RFC 2544), others in each process. */
const [SERVER, CLIENT] = [1, 2].map(
  (host) => `198.18.${(process.pid >> 6) & 255}.${(process.pid & 63) * 4 + host}`,
) as [string, string]

const ip = (...words: string[]) => spawnSync('ip', words, { encoding: 'utf8' })
const canMakeNetworks = process.platform === 'linux' && process.getuid?.() === 0 && hasNetworks()

function hasNetworks(): boolean {
  if (ip('netns', 'add', `${NAME}x`).status !== 0) return false
  return ip('netns', 'delete', `${NAME}x`).status === 0
}

/** Opens event streams and sockets, says so, and stays. */
const PROGRAM = `
  const { request } = require('node:http')
  const [url, query, ws] = process.argv.slice(1)
  const { WebSocket } = require(ws)
  let open = 0
  const opened = () => ++open === 4 && console.log('open')
  for (let number = 0; number < 2; number++) {
    request(url + '/graphql', {
      method: 'POST',
      headers: { host: '127.0.0.1', accept: 'text/event-stream', 'content-type': 'application/json', 'graphql-require-preflight': '1' },
    }, (answer) => answer.on('error', () => {}).resume() && opened()).on('error', () => {}).end(JSON.stringify({ query }))
    const socket = new WebSocket(url.replace('http', 'ws') + '/graphql', 'graphql-transport-ws', { headers: { host: '127.0.0.1' } })
    socket.on('error', () => {})
    socket.on('open', () => socket.send('{"type":"connection_init"}'))
    socket.on('message', (data) => {
      if (!String(data).includes('connection_ack')) return
      socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query } }))
      opened()
    })
  }
  setInterval(() => {}, 1000)
`

let target: Target
let client: ChildProcess | null = null

beforeAll(async () => {
  if (!canMakeNetworks) return
  ip('netns', 'add', NAME)
  ip('link', 'add', `${NAME}a`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', NAME)
  ip('address', 'add', `${SERVER}/30`, 'dev', `${NAME}a`)
  ip('link', 'set', `${NAME}a`, 'up')
  ip('-n', NAME, 'address', 'add', `${CLIENT}/30`, 'dev', 'eth0')
  ip('-n', NAME, 'link', 'set', 'eth0', 'up')
  target = await startTarget({ HOST: SERVER })
})

afterAll(async () => {
  if (!canMakeNetworks) return
  client?.kill('SIGKILL')
  await target.close()
  // The network outlives its name as long as connections in it are undecided, and would keep the addresses.
  ip('link', 'delete', `${NAME}a`)
  ip('netns', 'delete', NAME)
})

test.skipIf(!canMakeNetworks)(
  `a client whose network has failed is noticed within two pings, over server-sent events and WebSocket${canMakeNetworks ? '' : ' (needs root and ip netns)'}`,
  async () => {
    const words = ['netns', 'exec', NAME, process.execPath, '-e', PROGRAM, target.url, WatchFeedDocument.toString()]
    client = spawn(
      'ip',
      [...words, import.meta.resolve('ws').replace('file://', '').replace('wrapper.mjs', 'index.js')],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    if (client.stdout) await once(client.stdout, 'data')
    await until(async () => (await target.countSubscriptions()) === 4, { what: 'four subscriptions' })
    const before = target.countDescriptors() ?? 0

    ip('-n', NAME, 'link', 'set', 'eth0', 'down')
    const since = performance.now()
    await until(async () => (await target.countSubscriptions()) === 0, {
      timeoutMs: 40_000,
      everyMs: 200,
      what: 'them to end',
    })
    // Twice 12 s, and what a busy machine may add.
    expect(performance.now() - since).toBeLessThan(27_000)
    await until(() => (target.countDescriptors() ?? 0) <= before - 4, { what: 'descriptors to be closed' })
  },
  90_000,
)

test('rows of the table of connections are read, in both families', () => {
  const head = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
  const rows = [
    '   0: 0100007F:0FA0 0200007F:C001 01 00000003:00000000 01:00000014 00000004     0        0 1 2 0 20 4 30 10 -1',
    '   1: 0100007F:0FA0 0200007F:C002 01 00000003:00000000 01:00000014 00000001     0        0 1 2 0 20 4 30 10 -1',
    '   2: 0100007F:0FA0 0200007F:C003 04 00000003:00000000 01:00000014 00000004     0        0 1 2 0 20 4 30 10 -1',
    '   3: 00000000000000000000000001000000:0FA0 B80D0120000000000000000001000000:C004 01 00000003:00000000 01:00000014 00000005     0        0 1',
    '   4: 0000000000000000FFFF00000100007F:0FA0 0000000000000000FFFF00000300007F:C005 01 00000003:00000000 01:00000014 00000005     0        0 1',
  ]
  expect(findRetransmitting(head + rows.join('\n'))).toEqual([
    '4000 127.0.0.2 49153',
    '4000 2001:db8::1 49156',
    '4000 ::ffff:127.0.0.3 49157',
  ])
})
