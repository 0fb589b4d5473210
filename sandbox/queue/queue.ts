import { randomUUID } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { isLoopbackUrl } from '../loopback.ts'
import { CANCELLED } from './failures.ts'
import { type Ending, type LogEntry, logEntry, type VideoRequest } from './request.ts'
import { findScenario, SCENARIOS, type ScenarioEffects } from './scenarios.ts'
import type { RequestStore } from './store.ts'

/** The result of a cancel call, in fal's words. */
type CancelResult = 'CANCELLATION_REQUESTED' | 'ALREADY_COMPLETED' | 'NOT_FOUND'

export type Queue = ReturnType<typeof createQueue>

interface QueueDeps {
  store: RequestStore
  run(request: VideoRequest, log: RunLog, signal: AbortSignal): Promise<Ending>
  /** Called for every request that has ended, once the ending is on disk. */
  onEnded(request: VideoRequest): void
  onError(error: unknown, context: { stage: string }): void
}

type RunLog = (message: string, level?: LogEntry['level']) => void

/** An ordinary request reports the positions 2, 1 and 0, for three steps each, before it starts. */
const ORDINARY_WAIT = { initialPosition: 2, queueSteps: 9 }

/**
 * The sandbox's queue: accepts requests and runs them in order, a few at a time.
 * @param slots - number of requests that run at once.
 */
export function createQueue(
  { store, run, onEnded, onError }: QueueDeps,
  { slots, stepMs }: { slots: number; stepMs: number },
) {
  /** Ordered by when a request may start, then by acceptance. */
  const waiting: VideoRequest[] = []
  const running = new Map<string, { cancel: AbortController; done: Promise<void> }>()
  /** Emits a request's id when it changes. Any number of streams may watch a request. */
  const changes = new EventEmitter().setMaxListeners(0)
  const closing = new AbortController()
  let sequence = Math.max(0, ...[...store.all.values()].map((request) => request.sequence))
  let timer: NodeJS.Timeout | undefined

  function addToWaiting(request: VideoRequest): void {
    waiting.splice(rankOf(waiting, request), 0, request)
  }

  function updatePosition(request: VideoRequest): void {
    request.position = Math.min(request.position, Math.max(simulatePosition(request), rankOf(waiting, request)))
  }

  /** Starts due requests while slots are free, and sets a timer for the next one. */
  function pump(): void {
    clearTimeout(timer)
    while (!closing.signal.aborted && running.size < slots) {
      const next = waiting[0]
      if (!next) return
      const waitMs = next.dueAt - Date.now()
      if (waitMs > 0) {
        timer = setTimeout(pump, waitMs)
        return
      }
      waiting.shift()
      next.stage = 'running'
      changes.emit(next.id)
      const cancel = new AbortController()
      const done = work(next, cancel.signal).catch((error: unknown) => onError(error, { stage: 'run' }))
      running.set(next.id, { cancel, done })
      void done.then(() => {
        running.delete(next.id)
        pump()
      })
    }
  }

  async function work(request: VideoRequest, cancelled: AbortSignal): Promise<void> {
    const log: RunLog = (message, level) => {
      request.logs.push(logEntry(message, level))
      changes.emit(request.id)
    }
    try {
      await end(request, await run(request, log, AbortSignal.any([cancelled, closing.signal])))
    } catch (error) {
      if (cancelled.aborted) return await endCancelled(request)
      request.stage = 'queued'
      if (!closing.signal.aborted) throw error
      await store.save(request)
    }
  }

  /** Saves before it publishes: a request that a caller has seen completed stays so after a SIGKILL. */
  async function end(request: VideoRequest, ending: Ending): Promise<void> {
    const change = { stage: 'ended', ending, endedAt: Date.now(), body: withoutDataUri(request.body) } as const
    await store.save({ ...request, ...change })
    Object.assign(request, change)
    changes.emit(request.id)
    onEnded(request)
  }

  async function endCancelled(request: VideoRequest): Promise<void> {
    request.logs.push(logEntry('The request was cancelled', 'WARN'))
    await end(request, { kind: 'failure', failure: CANCELLED, inferenceSeconds: null })
  }

  return {
    /** Accepts a request; it is on disk when this resolves. */
    submit: async (body: unknown, webhookUrl: string | null): Promise<VideoRequest> => {
      sequence += 1
      const request = newRequest(body, { sequence, stepMs, webhookUrl })
      if (webhookUrl && !isLoopbackUrl(webhookUrl))
        request.logs.push(
          logEntry('Sandbox: the webhook is not sent because the sandbox calls no other machine', 'WARN'),
        )
      request.position = Math.max(initialPositionOf(request), rankOf(waiting, request))
      await store.add(request)
      addToWaiting(request)
      pump()
      return request
    },
    /** A request with its current queue position. */
    find: (id: string): VideoRequest | undefined => {
      const request = store.all.get(id)
      if (request?.stage === 'queued') updatePosition(request)
      return request
    },
    cancel: async (id: string): Promise<CancelResult> => {
      const request = store.all.get(id)
      if (!request) return 'NOT_FOUND'
      if (request.stage === 'ended') return 'ALREADY_COMPLETED'
      if (effectsOf(request).ignoresCancel || request.cancelRequested) return 'CANCELLATION_REQUESTED'
      request.cancelRequested = true
      await store.save(request)
      const run = running.get(id)
      if (run) run.cancel.abort(new Error('cancelled'))
      else if (request.stage === 'queued') {
        const rank = rankOf(waiting, request)
        if (waiting[rank] === request) waiting.splice(rank, 1)
        await endCancelled(request)
      }
      return 'CANCELLATION_REQUESTED'
    },
    /** Uses up one of the 504s that the scenario has left for the result call; false when none is left. */
    consumeResultTimeout: async (request: VideoRequest): Promise<boolean> => {
      if (request.resultTimeouts <= 0) return false
      request.resultTimeouts -= 1
      await store.save(request)
      return true
    },
    /** Calls `changed` on every change but that of the queue position. Returns a function that stops the calls. */
    watch: (id: string, changed: () => void): (() => void) => {
      changes.on(id, changed)
      return () => void changes.off(id, changed)
    },
    /** Starts running requests, including those of an earlier run. */
    start: (): void => {
      for (const request of store.all.values()) {
        if (request.stage === 'ended') continue
        if (request.stage === 'running') request.logs.push(logEntry('Sandbox: queued again after a restart', 'WARN'))
        request.stage = 'queued'
        if (request.cancelRequested)
          void endCancelled(request).catch((error: unknown) => onError(error, { stage: 'cancel' }))
        else addToWaiting(request)
      }
      pump()
    },
    /** Aborts the running requests; they are queued again at the next start. */
    close: async (): Promise<void> => {
      closing.abort(new Error('the sandbox closes'))
      clearTimeout(timer)
      await Promise.all([...running.values()].map(({ done }) => done))
    },
  }
}

/** The queue position to report now: from the initial one down to 0 when the request may start. */
function simulatePosition(request: VideoRequest): number {
  const initialPosition = initialPositionOf(request)
  const durationMs = request.dueAt - request.acceptedAt
  const elapsedMs = Date.now() - request.acceptedAt
  if (durationMs <= 0) return elapsedMs > 0 ? 0 : initialPosition
  const left = Math.max(0, 1 - elapsedMs / durationMs)
  return Math.min(initialPosition, Math.floor((initialPosition + 1) * left))
}

/** The number of waiting requests ahead of this one. A binary search: a load test has thousands of them. */
function rankOf(waiting: readonly VideoRequest[], request: VideoRequest): number {
  let low = 0
  let high = waiting.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const other = waiting[middle]
    if (other && isBefore(other, request)) low = middle + 1
    else high = middle
  }
  return low
}

function isBefore(a: VideoRequest, b: VideoRequest): boolean {
  return a.dueAt !== b.dueAt ? a.dueAt < b.dueAt : a.sequence < b.sequence
}

function newRequest(
  body: unknown,
  { sequence, stepMs, webhookUrl }: { sequence: number; stepMs: number; webhookUrl: string | null },
): VideoRequest {
  const acceptedAt = Date.now()
  const scenario = findScenario(imageUrlOf(body))
  return {
    id: randomUUID(),
    sequence,
    body,
    scenario: scenario?.name ?? null,
    acceptedAt,
    dueAt: acceptedAt + (scenario?.effects.queueSteps ?? ORDINARY_WAIT.queueSteps) * stepMs,
    stage: 'queued',
    cancelRequested: false,
    position: Number.MAX_SAFE_INTEGER,
    logs: [],
    ending: null,
    endedAt: null,
    resultTimeouts: scenario?.effects.resultTimeouts ?? 0,
    webhook: webhookUrl === null ? null : { url: webhookUrl, attempts: 0, settled: !isLoopbackUrl(webhookUrl) },
  }
}

export function effectsOf(request: VideoRequest): ScenarioEffects {
  return SCENARIOS.find(({ name }) => name === request.scenario)?.effects ?? {}
}

function initialPositionOf(request: VideoRequest): number {
  return effectsOf(request).initialPosition ?? ORDINARY_WAIT.initialPosition
}

function imageUrlOf(body: unknown): unknown {
  return typeof body === 'object' && body !== null && 'image_url' in body ? body.image_url : undefined
}

/** Shortens a data URI, which can be megabytes: an ended request no longer needs its image. */
function withoutDataUri(body: unknown): unknown {
  const imageUrl = imageUrlOf(body)
  if (typeof imageUrl !== 'string' || !imageUrl.startsWith('data:')) return body
  return { ...Object(body), image_url: `${imageUrl.slice(0, 40)}…` }
}
