import { Hono, type Context as HttpContext } from 'hono'
import type { OnError } from './errors.ts'
import type { MemoryBudget, MemoryLease } from './memory-budget.ts'
import { BodyError, readBody } from './read-body.ts'

/** See adapters/fal/webhook-signature.ts, jobs/webhook-url.ts and jobs/fal-webhook.ts. */
export interface WebhookOptions {
  verifySignature(delivery: SignedDelivery): Promise<'valid' | 'invalid' | 'unavailable'>
  /** The request id in the body of a delivery; null when there is none. */
  readRequestId(rawBody: Uint8Array): string | null
  /** Whether this server issued the webhook URL of the job. */
  verifyUrl(jobId: string, mac: string): boolean
  handleDelivery(delivery: { jobId: string; requestId: string }): Promise<unknown>
  memory: MemoryBudget
  onError: OnError
}

type SignedDelivery = Record<'requestId' | 'userId' | 'timestamp' | 'signature', string> & { rawBody: Uint8Array }

/** Largest delivery, in bytes; a normal one has a few kilobytes. */
const MAX_BODY_BYTES = 1024 * 1024
/** When fal's keys may be fetched again, in seconds. */
const RETRY_AFTER_SECONDS = 60

const RESPONSES = {
  accepted: { status: 200, body: { ok: true } },
  unreadable: { status: 400, body: { error: 'The body has no request id: expected JSON with a request_id.' } },
  // One response for every invalid delivery: it does not help an attacker to find out why.
  forged: {
    status: 401,
    body: { error: 'The delivery is not signed by fal, or its URL was not issued by this server.' },
  },
  'too large': { status: 413, body: { error: `The body exceeds ${MAX_BODY_BYTES} bytes.` } },
  unavailable: { status: 503, body: { error: 'The delivery cannot be processed now: send it again later.' } },
} as const

type Outcome = keyof typeof RESPONSES

/** `cut` is not an error of this server: the sender has disconnected, and sees no response. */
const BODY_OUTCOMES = { 'too large': 'too large', overloaded: 'unavailable', cut: 'unreadable' } as const

/**
 * POST /webhooks/fal: fal reports that a request has ended. A 2xx acknowledges the delivery, even when it was not new;
 * 503 asks fal to retry. Requests to fal are made only to fetch its keys.
 */
export function webhookRoutes(options: WebhookOptions): Hono {
  return new Hono()
    .post('/webhooks/fal', async (http) => {
      const lease = options.memory.open()
      const outcome = await handle(http, options, lease)
        .catch((error: unknown): Outcome => {
          if (error instanceof BodyError) return BODY_OUTCOMES[error.reason]
          options.onError(error, { stage: 'webhook' })
          return 'unavailable'
        })
        .finally(lease.release)
      const { status, body } = RESPONSES[outcome]
      if (outcome === 'unavailable') http.header('retry-after', String(RETRY_AFTER_SECONDS))
      return http.json(body, status)
    })
    .all('/webhooks/fal', (http) => http.json({ error: 'Method not allowed: use POST.' }, 405, { allow: 'POST' }))
}

/** Cheap checks first: a delivery to a foreign URL is refused before its body is read. */
async function handle(http: HttpContext, options: WebhookOptions, lease: MemoryLease): Promise<Outcome> {
  const { verifySignature, readRequestId, verifyUrl, handleDelivery } = options
  const header = (name: string) => http.req.header(name) ?? ''
  if (Number(header('content-length')) > MAX_BODY_BYTES) return 'too large'
  const jobId = http.req.query('job') ?? ''
  if (!verifyUrl(jobId, http.req.query('mac') ?? '')) return 'forged'
  const chunks = await Array.fromAsync(readBody(http.req.raw, { memory: lease, maxBytes: MAX_BODY_BYTES }))
  const rawBody = Buffer.concat(chunks)
  // A repeated header arrives as one value with a comma, which matches no signature.
  const verdict = await verifySignature({
    requestId: header('x-fal-webhook-request-id'),
    userId: header('x-fal-webhook-user-id'),
    timestamp: header('x-fal-webhook-timestamp'),
    signature: header('x-fal-webhook-signature'),
    rawBody,
  })
  if (verdict !== 'valid') return verdict === 'invalid' ? 'forged' : 'unavailable'
  const requestId = readRequestId(rawBody)
  if (requestId === null) return 'unreadable'
  await handleDelivery({ jobId, requestId })
  return 'accepted'
}
