import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { openRecordingServer, type ScriptedAnswer } from './recording-server.ts'

/** A delivery, ready to be sent. A header with a list of values is sent once for each. */
export interface Delivery {
  headers: Record<string, string | string[]>
  body: Buffer
}

export interface DeliveryParts {
  requestId: string
  /** What the headers say instead. Default: the same. */
  signedId?: string
  userId?: string
  /** Unix seconds. Default: now. */
  timestamp?: number | string
  body?: Buffer | string
}

/** Stands for fal where it tells of a request's end: publishes its keys and signs with them. */
export interface WebhookSender {
  /** Where the keys are. */
  jwksUrl: string
  /** How often they have been asked for. */
  readonly asked: number
  /** Replaces what is published from now on; given nothing, the key that signs. `hang` answers nobody. */
  publish(answer?: ScriptedAnswer | 'hang'): void
  /** Signs with a new key from now on, and answers its public half; what is published stays. */
  rotate(): Record<string, unknown>
  /** A signed delivery of a request that succeeded, unless the parts say otherwise. */
  prepare(parts: DeliveryParts): Delivery
  close(): Promise<void>
}

export async function openWebhookSender(): Promise<WebhookSender> {
  const server = await openRecordingServer()
  let key = makeKey()
  const sender: WebhookSender = {
    jwksUrl: `${server.url}/.well-known/jwks.json`,
    get asked() {
      return server.requests.length
    },
    publish: (answer = { json: { keys: [key.jwk] } }) => server.script(() => (answer === 'hang' ? undefined : answer)),
    rotate: () => {
      key = makeKey()
      return key.jwk
    },
    prepare: (parts) => prepareDelivery(key.privateKey, parts),
    close: server.close,
  }
  sender.publish()
  return sender
}

/** Sends a delivery as it is, over a connection of its own. */
export async function post(url: string, { headers, body }: Delivery): Promise<{ status: number; body: unknown }> {
  const sending = request(url, { method: 'POST', headers, agent: false })
  sending.end(body)
  const [response] = (await once(sending, 'response')) as [IncomingMessage]
  const answer = await text(response)
  return { status: response.statusCode ?? 0, body: JSON.parse(answer) }
}

function makeKey() {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  return { privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), use: 'sig', alg: 'EdDSA' } }
}

function prepareDelivery(
  key: KeyObject,
  {
    requestId,
    signedId = requestId,
    userId = 'github|42',
    timestamp = Math.floor(Date.now() / 1000),
    ...rest
  }: DeliveryParts,
): Delivery {
  const body = Buffer.from(rest.body ?? toBody(requestId))
  const digest = createHash('sha256').update(body).digest('hex')
  const signature = sign(null, Buffer.from(`${signedId}\n${userId}\n${timestamp}\n${digest}`), key).toString('hex')
  const headers = {
    'content-type': 'application/json',
    'content-length': String(body.byteLength),
    'x-fal-webhook-request-id': signedId,
    // As bytes: a header holds no more.
    'x-fal-webhook-user-id': Buffer.from(userId).toString('latin1'),
    'x-fal-webhook-timestamp': String(timestamp),
    'x-fal-webhook-signature': signature,
  }
  return { headers, body }
}

/** With spaces that JSON.stringify would not write, as fal's has. */
function toBody(requestId: string): string {
  const ids = `"request_id": "${requestId}", "gateway_request_id": "${requestId}"`
  return `{${ids}, "status": "OK", "error": null, "payload": {"video": {"url": "http://127.0.0.1/clip.mp4"}, "seed": 1.0}}`
}
