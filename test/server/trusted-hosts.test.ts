import { describe, expect, test } from 'vitest'
import { createHostCheck, type HostRules } from '../../src/server/trusted-hosts.ts'

const RULES: HostRules = {
  publicUrl: 'https://reelay.example/api',
  allowedOrigins: ['https://app.example.com', 'http://10.0.0.7:8080', 'app://obsidian.md'],
  trustedHosts: ['api', 'Reelay.Internal:4000'],
}

function isTrustedHost(host: string, rules: HostRules): boolean {
  return createHostCheck(rules)({ url: '/', headersDistinct: { host: [host] } }) === null
}

test.each([
  ['the public URL', 'reelay.example'],
  ['the public URL, behind another port', 'reelay.example:4000'],
  ['the public URL in upper case', 'REELAY.example'],
  ['an allowed origin', 'app.example.com'],
  ['a trusted name, with any port', 'api:4000'],
  ['a trusted name with its port', 'reelay.internal:4000'],
  ['localhost', 'localhost:4000'],
  ['a name of this machine', 'app.localhost'],
  ['an IPv4 address', '127.0.0.1:4000'],
  ['an IPv4 address of a network', '192.168.1.5'],
  ['an IPv6 address', '[::1]:4000'],
  ['an IPv6 address of a network', '[FD00:0::5]'],
])('%s is trusted: %s', (_name, host) => {
  expect(isTrustedHost(host, RULES)).toBe(true)
})

test.each([
  'evil.com',
  'obsidian.md',
  'evil.com:4000',
  'reelay.example.evil.com',
  'evil-reelay.example',
  'sub.reelay.example',
  'reelay.internal',
  'reelay.internal:4001',
  'api.evil.com',
  'localhost.evil.com',
  'evillocalhost',
  '127.0.0.1.evil.com',
  '127.0.0.1.nip.io',
  'evil.com@127.0.0.1',
  '127.0.0.1@evil.com',
  '127.0.0.1:80@evil.com',
  '127.0.0.1/evil.com',
  'evil.com#127.0.0.1',
  'evil.com\\127.0.0.1',
  'localhost, evil.com',
  'localhost evil.com',
  'localhost:99999',
  'localhost:',
  'ｌocalhost',
  '[::1',
  '[::1]evil.com',
  ':4000',
  '*',
  '',
])('a foreign or malformed host is not trusted: %j', (host) => {
  expect(isTrustedHost(host, RULES)).toBe(false)
})

test('before the server listens, without a public URL, only addresses and names of this machine are trusted', () => {
  const rules = { publicUrl: '', allowedOrigins: [], trustedHosts: [] }
  expect(['localhost', '10.1.2.3', 'evil.com', ''].map((host) => isTrustedHost(host, rules))).toEqual([
    true,
    true,
    false,
    false,
  ])
})

describe('a request', () => {
  const findHostProblem = createHostCheck(RULES)
  const find = (url: string, ...host: string[]) => findHostProblem({ url, headersDistinct: { host } })

  test.each<[string, string[], number | null]>([
    ['/', ['localhost'], null],
    ['/', ['evil.com'], 421],
    ['/', [], 400],
    ['/', [''], 400],
    ['/', ['a b'], 400],
    ['/', ['u:p@localhost'], 400],
    ['/', ['localhost', 'localhost'], 400],
    ['/', ['localhost', 'evil.com'], 400],
    ['/', ['localhost, evil.com'], 400],
    ['http://localhost/', ['localhost'], null],
    ['http://LOCALHOST:80/', ['localhost'], null],
    ['http://evil.com/', ['evil.com'], 421],
    ['http://evil.com/', ['localhost'], 400],
    ['http://localhost:1/', ['localhost:2'], 400],
    ['*', ['localhost'], 400],
    ['', ['localhost'], 400],
  ])('for %j with the hosts %j gets %j', (url, hosts, status) => {
    expect(find(url, ...hosts)?.status ?? null).toBe(status)
  })

  test('to a foreign host gets an error with the setting and at most 100 characters of the name', () => {
    const { message = '' } = find('/', `${'a'.repeat(10_000)}.evil.com`) ?? {}
    expect(message).toContain('TRUSTED_HOSTS')
    expect(message).toContain(`"${'a'.repeat(99)}…"`)
    expect(message.length).toBeLessThan(250)
  })
})
