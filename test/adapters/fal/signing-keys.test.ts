import { generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { readKeys } from '../../../src/adapters/fal/signing-keys.ts'
import { createSeeded } from '../../helpers/seeded.ts'

/** y = 0, 1, the two of order 8, -1; then 0 and 1 in another spelling. Each has a twin with the sign of x. */
const SMALL_ORDER = [
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
]

function withSign(hex: string): string {
  return hex.slice(0, 62) + (Number.parseInt(hex.slice(62), 16) | 0x80).toString(16)
}

const good = () => ({ kty: 'OKP', crv: 'Ed25519', x: randomPoint() })

test('keys other than Ed25519 are skipped', () => {
  const { kty, crv, x } = good()
  const others = [
    ...[null, 1, 'key', [], {}, { kty, crv }, { kty, crv, x: 1 }, { kty, crv, x: '' }, { kty, crv, x: `${x}A` }],
    ...[
      { kty, crv, x: x.slice(1) },
      { kty, crv, x: `${x.slice(0, 42)}!` },
      { kty, crv: 'X25519', x },
    ],
    generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' }),
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
  ]
  expect(readKeys({ keys: [...others, { kty, crv, x }, { kty, crv, x: `${x}=` }] })).toHaveLength(2)
  expect(() => readKeys({ keys: others })).toThrow('no usable key')
})

test('at most 20 keys are kept', () => {
  expect(readKeys({ keys: Array.from({ length: 100 }, good) })).toHaveLength(20)
})

test.each(SMALL_ORDER.flatMap((hex) => [hex, withSign(hex)]))('the key of small order %s is refused', (hex) => {
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(hex, 'hex').toString('base64url') }
  expect(() => readKeys({ keys: [jwk] })).toThrow('no usable key')
})

const seeded = createSeeded(9)
function randomPoint(): string {
  return Buffer.from(Array.from({ length: 32 }, () => seeded.whole(0, 255))).toString('base64url')
}
