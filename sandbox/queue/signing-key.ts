import { createPrivateKey, createPublicKey, generateKeyPairSync, hash, type KeyObject, sign } from 'node:crypto'
import { join } from 'node:path'
import { readIfExists, writeAtomically } from '../disk.ts'

export type SigningKey = Awaited<ReturnType<typeof openSigningKey>>

/** The parts of a delivery that its signature covers. */
interface SignedParts {
  requestId: string
  userId: string
  /** Unix seconds. */
  timestamp: string
  rawBody: Uint8Array
}

/** Opens the key that signs webhooks in a data folder, or creates it. */
export async function openSigningKey(dataDir: string) {
  const path = join(dataDir, 'webhook-key.pem')
  const pem = await readIfExists(path)
  const privateKey = pem ? createPrivateKey(pem) : await makeKey(path)
  const { kty, crv, x } = createPublicKey(privateKey).export({ format: 'jwk' })
  const kid = hash('sha256', x ?? '').slice(0, 16)
  return {
    /** The public half, as a JSON Web Key set. */
    jwks: { keys: [{ kty, crv, x, kid, use: 'sig', alg: 'EdDSA' }] },
    /** Returns the signature of a delivery, in hex. */
    sign: (parts: SignedParts): string => sign(null, signedBytes(parts), privateKey).toString('hex'),
  }
}

/** The bytes that a webhook's signature covers. */
export function signedBytes({ requestId, userId, timestamp, rawBody }: SignedParts): Buffer {
  const digest = hash('sha256', rawBody)
  return Buffer.from([requestId, userId, timestamp, digest].join('\n'))
}

async function makeKey(path: string): Promise<KeyObject> {
  const { privateKey } = generateKeyPairSync('ed25519')
  await writeAtomically(path, privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(), 0o600)
  return privateKey
}
