import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sendRaw, toStatuses } from '../helpers/raw-http.ts'
import { openRig, type Rig } from './rig.ts'

let rig: Rig

beforeAll(async () => {
  rig = await openRig({ fal: 'unavailable', config: { trustedHosts: ['api:4000'] } })
})

afterAll(async () => {
  await rig.close()
})

const BODY = '{"query":"{ __typename }"}'

/** A request with these headers of hosts, written by hand: HTTP clients would correct some of them. */
async function ask(target: string, ...hosts: string[]) {
  const isPost = target.endsWith('/graphql')
  const head = [
    `${isPost ? 'POST' : 'GET'} ${target} HTTP/1.1`,
    ...hosts.map((host) => `Host: ${host}`),
    'Content-Type: application/json',
    'Connection: close',
    ...(isPost ? [`Content-Length: ${BODY.length}`] : []),
  ]
  const received = await sendRaw(rig.url, `${head.join('\r\n')}\r\n\r\n${isPost ? BODY : ''}`)
  return { status: toStatuses(received)[0], received }
}

describe.each(['/graphql', '/', '/jobs/a', '/media/images/a', '/webhooks/fal', '/nothing'])('%s', (path) => {
  test('is there for names of this machine, addresses and trusted hosts', async () => {
    for (const host of ['127.0.0.1', 'localhost:4000', 'api:4000', '[::1]', '10.1.2.3'])
      expect([400, 421]).not.toContain((await ask(path, host)).status)
  })

  test('is not found under a foreign name', async () => {
    const { status, received } = await ask(path, 'evil.example:4000')
    expect(status).toBe(421)
    expect(received).toContain('MISDIRECTED_REQUEST')
    expect(received).toContain('TRUSTED_HOSTS')
  })

  test.each<[string, string[]]>([
    ['no host', []],
    ['an empty host', ['']],
    ['two hosts', ['localhost', 'evil.example']],
    ['the same host twice', ['localhost', 'localhost']],
    ['a user', ['evil.example@localhost']],
    ['a space', ['localhost evil.example']],
    ['a list', ['localhost, evil.example']],
    ['a path', ['localhost/evil.example']],
  ])('refuses %s', async (_name, hosts) => {
    expect((await ask(path, ...hosts)).status).toBe(400)
  })
})

test('a URL with a host of its own must agree with Host', async () => {
  expect((await ask('http://localhost/graphql', 'localhost')).status).toBe(200)
  expect((await ask('http://evil.example/graphql', 'localhost')).status).toBe(400)
  expect((await ask('http://localhost/graphql', 'evil.example')).status).toBe(400)
  expect((await ask('http://evil.example/graphql', 'evil.example')).status).toBe(421)
})

test.each(['/healthz', '/readyz', '/metrics'])('%s answers under every name', async (path) => {
  expect((await ask(path, 'evil.example')).status).toBe(200)
})

test.each(['/healthz', '/readyz', '/metrics'])('%s is refused under two names at once', async (path) => {
  expect((await ask(path, 'localhost', 'evil.example')).status).toBe(400)
})

describe('a WebSocket', () => {
  const upgrade = async (...hosts: string[]) => {
    const head = [
      'GET /graphql HTTP/1.1',
      ...hosts.map((host) => `Host: ${host}`),
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Protocol: graphql-transport-ws',
    ]
    return toStatuses(await sendRaw(rig.url, `${head.join('\r\n')}\r\n\r\n`, { silenceMs: 500 }))[0]
  }

  test('is opened under this server’s names alone', async () => {
    expect(await upgrade('api:4000')).toBe(101)
    expect(await upgrade('localhost')).toBe(101)
    expect(await upgrade('evil.example')).toBe(421)
    expect(await upgrade('localhost', 'evil.example')).toBe(400)
    expect(await upgrade('evil.example@localhost')).toBe(400)
  })
})
