import { Hono, type Context as HttpContext } from 'hono'
import type { OnError } from './errors.ts'
import type { MemoryBudget, MemoryLease } from './memory-budget.ts'
import { BodyError, readBody } from './read-body.ts'

/** See adapters/fal/webhook-signature.ts, jobs/webhook-url.ts and jobs/fal-webhook.ts. */
export interface WebhookOptions {
  verifySignature(delivery: SignedDelivery): Promise<'valid' | 'invalid' | 'unavailable'>
  /** The request that the body of a delivery tells of; null when it tells of none. */
  readRequestId(rawBody: Uint8Array): string | null
  /** Whether this server made the URL that fal was given for the job. */
  verifyUrl(jobId: string, mac: string): boolean
  handleDelivery(delivery: { jobId: string; requestId: string }): Promise<unknown>
  memory: MemoryBudget
  onError: OnError
}

interface SignedDelivery {
  requestId: string
  userId: string
  timestamp: string
  signature: string
  rawBody: Uint8Array
}

/** What fal says of one video is some kilobytes. */
const MAX_BODY_BYTES = 1024 * 1024
/** Until fal's keys may be asked for again. */
const RETRY_AFTER_SECONDS = 60

const ANSWERS = {
  taken: { status: 200, body: { ok: true } },
  unreadable: { status: 400, body: { error: 'The body has no request id: expected JSON with a request_id.' } },
  // One answer for all that is wrong: it does not help to find out what.
  forged: {
    status: 401,
    body: { error: 'The delivery is not signed by fal, or its URL was not issued by this server.' },
  },
  'too large': { status: 413, body: { error: `The body exceeds ${MAX_BODY_BYTES} bytes.` } },
  unavailable: { status: 503, body: { error: 'The delivery cannot be processed now: send it again later.' } },
} as const

type Outcome = keyof typeof ANSWERS

/** A body that was cut by its sender is no error of this server: the answer reaches nobody. */
const BODY_OUTCOMES = { 'too large': 'too large', overloaded: 'unavailable', cut: 'unreadable' } as const

/**
 * POST /webhooks/fal: fal tells that it is done with a request. A 2xx means that nothing more has to be sent, also when
 * it was nothing new; 503 that it should be. Nothing here waits for fal, unless its keys have to be fetched.
 */
export function webhookRoutes(options: WebhookOptions): Hono {
  return new Hono()
    .post('/webhooks/fal', async (http) => {
      const lease = options.memory.open()
      const outcome = await take(http, options, lease)
        .catch((error: unknown): Outcome => {
          if (error instanceof BodyError) return BODY_OUTCOMES[error.reason]
          options.onError(error, { stage: 'webhook' })
          return 'unavailable'
        })
        .finally(lease.release)
      const { status, body } = ANSWERS[outcome]
      if (outcome === 'unavailable') http.header('retry-after', String(RETRY_AFTER_SECONDS))
      return http.json(body, status)
    })
    .all('/webhooks/fal', (http) => http.json({ error: 'Method not allowed: use POST.' }, 405, { allow: 'POST' }))
}

/** In the order of what it costs: what is not ours is refused before its body is read. */
async function take(http: HttpContext, options: WebhookOptions, lease: MemoryLease): Promise<Outcome> {
  const { verifySignature, readRequestId, verifyUrl, handleDelivery } = options
  const header = (name: string) => http.req.header(name) ?? ''
  if (Number(header('content-length')) > MAX_BODY_BYTES) return 'too large'
  const jobId = http.req.query('job') ?? ''
  if (!verifyUrl(jobId, http.req.query('mac') ?? '')) return 'forged'
  const chunks: Uint8Array[] = []
  for await (const chunk of readBody(http.req.raw, { memory: lease, maxBytes: MAX_BODY_BYTES })) chunks.push(chunk)
  const rawBody = Buffer.concat(chunks)
  // One that was sent twice comes as one with a comma, which fits no signature.
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
  return 'taken'
}
