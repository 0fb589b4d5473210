import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { openRecordingServer, type ScriptedAnswer } from './recording-server.ts'

/** A delivery, ready to be sent. A header with a list of values is sent once per value. */
export interface Delivery {
  headers: Record<string, string | string[]>
  body: Buffer
}

export interface DeliveryParts {
  requestId: string
  /** The request id in the header. Default: that of the body. */
  signedId?: string
  userId?: string
  /** Unix seconds. Default: now. */
  timestamp?: number | string
  body?: Buffer | string
}

/** A fake fal that sends webhooks: it publishes its keys and signs with them. */
export interface WebhookSender {
  /** URL of the keys. */
  jwksUrl: string
  /** Number of requests for the keys. */
  readonly asked: number
  /** Replaces the published keys; without an argument, by the signing key. `hang` leaves requests without a response. */
  publish(answer?: ScriptedAnswer | 'hang'): void
  /** Switches to a new signing key and returns its public half; the published keys stay. */
  rotate(): Record<string, unknown>
  /** A signed delivery, by default of a request that succeeded. */
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

/** Sends a delivery unchanged, over its own connection. */
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
    // As latin1, because headers are bytes.
    'x-fal-webhook-user-id': Buffer.from(userId).toString('latin1'),
    'x-fal-webhook-timestamp': String(timestamp),
    'x-fal-webhook-signature': signature,
  }
  return { headers, body }
}

/** A body with spaces that JSON.stringify would not write, like fal's. */
function toBody(requestId: string): string {
  const ids = `"request_id": "${requestId}", "gateway_request_id": "${requestId}"`
  return `{${ids}, "status": "OK", "error": null, "payload": {"video": {"url": "http://127.0.0.1/clip.mp4"}, "seed": 1.0}}`
}
