import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { join } from 'node:path'
import { readIfExists, writeAtomically } from '../disk.ts'

/** The key that signs webhooks. */
export interface SigningKey {
  /** The public half, as a JSON Web Key set. */
  readonly jwks: { keys: Record<string, unknown>[] }
  /** Returns the signature of a delivery, in hex. */
  sign(delivery: SignedParts): string
}

/** The parts of a delivery that its signature covers. */
export interface SignedParts {
  requestId: string
  userId: string
  /** Unix seconds. */
  timestamp: string
  rawBody: Uint8Array
}

/** Opens the key in a data folder, or creates it. */
export async function openSigningKey(dataDir: string): Promise<SigningKey> {
  const path = join(dataDir, 'webhook-key.pem')
  const pem = await readIfExists(path)
  const privateKey = pem ? createPrivateKey(pem) : await makeKey(path)
  const { kty, crv, x } = createPublicKey(privateKey).export({ format: 'jwk' })
  const kid = createHash('sha256')
    .update(x ?? '')
    .digest('hex')
    .slice(0, 16)
  return {
    jwks: { keys: [{ kty, crv, x, kid, use: 'sig', alg: 'EdDSA' }] },
    sign: (parts) => sign(null, signedBytes(parts), privateKey).toString('hex'),
  }
}

/** The bytes that a webhook's signature covers. */
export function signedBytes({ requestId, userId, timestamp, rawBody }: SignedParts): Buffer {
  const digest = createHash('sha256').update(rawBody).digest('hex')
  return Buffer.from([requestId, userId, timestamp, digest].join('\n'))
}

async function makeKey(path: string): Promise<KeyObject> {
  const { privateKey } = generateKeyPairSync('ed25519')
  await writeAtomically(path, privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(), 0o600)
  return privateKey
}
