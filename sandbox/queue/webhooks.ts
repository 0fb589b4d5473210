import { setTimeout } from 'node:timers/promises'
import { outcomeOf, type VideoRequest } from './request.ts'
import type { SigningKey } from './signing-key.ts'
import type { RequestStore } from './store.ts'

interface WebhookDeps {
  store: RequestStore
  key: SigningKey
  baseUrl: string
  onError(error: unknown, context: { stage: string }): void
}

const MAX_ATTEMPTS = 5
const ATTEMPT_TIMEOUT_MS = 15_000
const USER_ID = 'sandbox-user'

/**
 * Delivers the outcome of requests to their webhooks.
 * @param retryMs - wait before the second attempt, in milliseconds; it doubles before each further one.
 */
export function createWebhooks({ store, key, baseUrl, onError }: WebhookDeps, retryMs: number) {
  const closing = new AbortController()
  const deliveries = new Set<Promise<void>>()

  async function keepTrying(request: VideoRequest): Promise<void> {
    const { webhook } = request
    while (webhook && !webhook.settled) {
      const waitMs = webhook.attempts === 0 ? 0 : retryMs * 2 ** (webhook.attempts - 1)
      await setTimeout(waitMs, undefined, { signal: closing.signal })
      const result = await attempt(request, webhook.url)
      closing.signal.throwIfAborted()
      webhook.attempts += 1
      webhook.settled = result !== 'retry' || webhook.attempts >= MAX_ATTEMPTS
      await store.save(request)
    }
  }

  async function attempt(request: VideoRequest, url: string): Promise<'accepted' | 'rejected' | 'retry'> {
    const rawBody = Buffer.from(JSON.stringify(webhookBody(request, baseUrl)))
    const timestamp = String(Math.floor(Date.now() / 1000))
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'x-fal-webhook-request-id': request.id,
          'x-fal-webhook-user-id': USER_ID,
          'x-fal-webhook-timestamp': timestamp,
          'x-fal-webhook-signature': key.sign({ requestId: request.id, userId: USER_ID, timestamp, rawBody }),
        },
        body: rawBody,
        redirect: 'manual', // fal treats a redirect as a permanent rejection
        signal: AbortSignal.any([closing.signal, AbortSignal.timeout(ATTEMPT_TIMEOUT_MS)]),
      })
      await response.body?.cancel()
      if (response.ok) return 'accepted'
      return response.status >= 300 && response.status < 400 ? 'rejected' : 'retry'
    } catch {
      return 'retry' // unreachable or too slow
    }
  }

  return {
    /** Delivers in the background, with retries; does nothing for a settled webhook. */
    deliver: (request: VideoRequest): void => {
      const delivery = keepTrying(request)
        .catch((error: unknown) => {
          if (!closing.signal.aborted) onError(error, { stage: 'webhook' })
        })
        .finally(() => deliveries.delete(delivery))
      deliveries.add(delivery)
    },
    /** Stops; unsettled deliveries are sent after the next start. */
    close: async (): Promise<void> => {
      closing.abort(new Error('the sandbox closes'))
      await Promise.all(deliveries)
    },
  }
}

function webhookBody(request: VideoRequest, baseUrl: string) {
  if (!request.ending) throw new Error(`expected an ended request, got ${request.id} which is ${request.stage}`)
  const { httpStatus, body } = outcomeOf(request.id, request.ending, baseUrl)
  const common = { request_id: request.id, gateway_request_id: request.id }
  return httpStatus < 300
    ? { ...common, status: 'OK', error: null, payload: body }
    : { ...common, status: 'ERROR', error: `Invalid status code: ${httpStatus}`, payload: body }
}
