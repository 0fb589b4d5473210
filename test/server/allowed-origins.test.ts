import { describe, expect, test } from 'vitest'
import { createOriginCheck, type OriginRules } from '../../src/server/allowed-origins.ts'

type Check = OriginRules & { host: string | undefined }

const PRODUCTION: Check = {
  host: 'reelay.example',
  publicUrl: 'https://reelay.example/api',
  allowedOrigins: ['https://app.example.com', 'http://10.0.0.7:8080', 'tauri://localhost', 'chrome-extension://abcdef'],
  production: true,
}
const DEVELOPMENT: Check = {
  host: '127.0.0.1:4000',
  publicUrl: 'http://127.0.0.1:4000',
  allowedOrigins: [],
  production: false,
}

function isAllowedOrigin(origin: string, { host, ...rules }: Check): boolean {
  return createOriginCheck(rules)({ origin, host }) === null
}

describe('in production', () => {
  test.each([
    ['one that is listed', 'https://app.example.com'],
    ['one that is listed, with its default port', 'https://app.example.com:443'],
    ['one that is listed, in upper case', 'HTTPS://APP.EXAMPLE.COM'],
    ['one that is listed with a port', 'http://10.0.0.7:8080'],
    ['that of the public URL', 'https://reelay.example'],
    ['that of an app that is listed', 'tauri://localhost'],
    ['that of an extension that is listed', 'chrome-extension://abcdef'],
  ])('%s is allowed: %s', (_name, origin) => {
    expect(isAllowedOrigin(origin, PRODUCTION)).toBe(true)
  })

  test.each([
    'http://app.example.com',
    'null',
    'capacitor://localhost',
    'tauri://localhost:1',
    'tauri://localhost.evil.com',
    'chrome-extension://abcdefg',
    'https://app.example.com:8443',
    'https://evil.app.example.com',
    'https://app.example.com.evil.com',
    'https://notapp.example.com',
    'http://10.0.0.7',
    'http://reelay.example',
    'https://reelay.example.evil.com',
    'http://localhost:3000',
    'http://127.0.0.1:4000',
    'http://[::1]:4000',
  ])('%s is not', (origin) => {
    expect(isAllowedOrigin(origin, PRODUCTION)).toBe(false)
  })
})

describe('outside production', () => {
  test.each([
    'http://localhost:3000',
    'https://localhost',
    'http://LOCALHOST:5173',
    'http://app.localhost:3000',
    'http://127.0.0.1:1',
    'http://127.8.9.10',
    'http://[::1]:5173',
    'http://[0:0:0:0:0:0:0:1]',
  ])('a page of this machine is allowed: %s', (origin) => {
    expect(isAllowedOrigin(origin, DEVELOPMENT)).toBe(true)
  })

  test.each([
    'https://localhost.evil.com',
    'https://evillocalhost',
    'http://127.0.0.1.evil.com',
    'http://127.evil.com',
    'http://evil.com',
    'http://128.0.0.1:4000',
    'http://192.168.1.5:4000',
    'http://[::2]:4000',
    'http://localhost@evil.com',
    'http://evil.com@localhost',
    'http://evil.com#localhost',
    'http://evil.com\\@localhost',
    'http://localhost/',
    'http://localhost, http://evil.com',
    'http://localhost http://evil.com',
    'http://',
    'http://localhost:99999',
    'ftp://localhost',
    'file://localhost',
    'chrome-extension://localhost',
    'localhost',
    '//localhost',
    '*',
    'null',
    '',
    ' ',
  ])('a foreign or malformed origin is not allowed: %j', (origin) => {
    expect(isAllowedOrigin(origin, DEVELOPMENT)).toBe(false)
  })
})

describe("the server's own page", () => {
  test.each([
    ['192.168.1.5:4000', 'http://192.168.1.5:4000'],
    ['192.168.1.5', 'https://192.168.1.5'],
    ['192.168.1.5:80', 'http://192.168.1.5'],
    ['[fd00::5]:4000', 'http://[fd00::5]:4000'],
    ['[FD00:0::5]:4000', 'http://[fd00::5]:4000'],
    ['localhost:4000', 'http://localhost:4000'],
    ['LOCALHOST:4000', 'http://localhost:4000'],
  ])('is allowed at an address: Host %s, Origin %s', (host, origin) => {
    expect(isAllowedOrigin(origin, { ...PRODUCTION, host })).toBe(true)
  })

  test.each([
    ['evil.com', 'http://evil.com'],
    ['evil.com:4000', 'http://evil.com:4000'],
    ['evil.localhost:4000', 'http://evil.localhost:4000'],
    ['127.0.0.1.evil.com', 'http://127.0.0.1.evil.com'],
    ['192.168.1.5:4000', 'http://192.168.1.5:4001'],
    ['192.168.1.5:4000', 'http://192.168.1.6:4000'],
    ['192.168.1.5', 'http://evil.com'],
    ['localhost:4000', 'http://localhost:3000'],
    ['evil.com@192.168.1.5', 'http://192.168.1.5'],
    ['', 'http://192.168.1.5'],
    [undefined, 'http://192.168.1.5'],
    ['null', 'null'],
  ])('is not by a name, nor another: Host %s, Origin %s', (host, origin) => {
    expect(isAllowedOrigin(origin, { ...PRODUCTION, host })).toBe(false)
  })
})

test('an empty public URL allows no origin', () => {
  expect(isAllowedOrigin('null', { ...PRODUCTION, publicUrl: '' })).toBe(false)
  expect(isAllowedOrigin('https://reelay.example', { ...PRODUCTION, publicUrl: '' })).toBe(false)
})

test('a request without an Origin is accepted; one with an empty Origin is checked', () => {
  const findOriginProblem = createOriginCheck(PRODUCTION)
  expect(findOriginProblem({ origin: undefined, host: 'evil.com' })).toBeNull()
  expect(findOriginProblem({ origin: '', host: 'evil.com' })).toMatchObject({ status: 403, code: 'FORBIDDEN_ORIGIN' })
  expect(findOriginProblem({ origin: 'https://app.example.com', host: undefined })).toBeNull()
})
