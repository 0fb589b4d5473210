import { randomUUID } from 'node:crypto'
import { isLoopbackUrl } from '../loopback.ts'
import { CANCELLED } from './failures.ts'
import { type Ending, type LogEntry, logEntry, type VideoRequest } from './request.ts'
import { findScenario, SCENARIOS, type ScenarioEffects } from './scenarios.ts'
import type { RequestStore } from './store.ts'

/** What a cancel call is answered with. */
export type CancelAnswer = 'CANCELLATION_REQUESTED' | 'ALREADY_COMPLETED' | 'NOT_FOUND'

/** The queue of the sandbox: takes requests, moves the line, runs some at once. */
export interface Queue {
  /** Takes a request; it is on disk when this returns. */
  submit(body: unknown, webhookUrl: string | null): Promise<VideoRequest>
  /** A request with its position of this moment. */
  find(id: string): VideoRequest | undefined
  cancel(id: string): Promise<CancelAnswer>
  /** Takes one of the 504 answers that a result still has to give; false when there is none. */
  takeResultTimeout(request: VideoRequest): Promise<boolean>
  /** Calls back whenever the request changes otherwise than in its position. Returns the way to stop that. */
  watch(id: string, changed: () => void): () => void
  /** Starts what waits, also what an earlier run left. */
  start(): void
  /** Stops the running ones; they wait again at the next start. */
  close(): Promise<void>
}

export interface QueueDeps {
  store: RequestStore
  run(request: VideoRequest, log: RunLog, signal: AbortSignal): Promise<Ending>
  /** Told of every request that ended, once that is on disk. */
  ended(request: VideoRequest): void
  onError(error: unknown, context: { stage: string }): void
}

type RunLog = (message: string, level?: LogEntry['level']) => void

/** An ordinary request sees 2, 1 and 0 before it starts, for three steps each. */
const ORDINARY_LINE = { aheadAtFirst: 2, lineSteps: 9 }

/** @param slots - how many run at once. */
export function createQueue(
  { store, run, ended, onError }: QueueDeps,
  { slots, stepMs }: { slots: number; stepMs: number },
): Queue {
  /** Ordered by when a request may start, then by acceptance. */
  const waiting: VideoRequest[] = []
  const running = new Map<string, { cancel: AbortController; done: Promise<void> }>()
  const watchers = new Map<string, Set<() => void>>()
  const closing = new AbortController()
  let sequence = Math.max(0, ...[...store.all.values()].map((request) => request.sequence))
  let timer: NodeJS.Timeout | undefined

  function addToWaiting(request: VideoRequest): void {
    waiting.splice(rankOf(waiting, request), 0, request)
  }

  function removeFromWaiting(request: VideoRequest): void {
    const rank = rankOf(waiting, request)
    if (waiting[rank] === request) waiting.splice(rank, 1)
  }

  function tell(request: VideoRequest): void {
    for (const changed of watchers.get(request.id) ?? []) changed()
  }

  function updatePosition(request: VideoRequest): void {
    const { aheadAtFirst } = courseOf(request)
    const durationMs = request.dueAt - request.acceptedAt
    const simulated = simulatedPosition({ aheadAtFirst, durationMs }, Date.now() - request.acceptedAt)
    request.position = Math.min(request.position, Math.max(simulated, rankOf(waiting, request)))
  }

  /** Starts the first of the line as long as there are slots; else comes back when the first is due. */
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
      removeFromWaiting(next)
      next.stage = 'running'
      tell(next)
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
      tell(request)
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

  /** On disk first: what a caller has seen to be complete stays so after a SIGKILL. */
  async function end(request: VideoRequest, ending: Ending): Promise<void> {
    const change = { stage: 'ended', ending, endedAt: Date.now(), body: withoutDataUri(request.body) } as const
    await store.save({ ...request, ...change })
    Object.assign(request, change)
    tell(request)
    ended(request)
  }

  async function endCancelled(request: VideoRequest): Promise<void> {
    request.logs.push(logEntry('The request was cancelled', 'WARN'))
    await end(request, { kind: 'failure', failure: CANCELLED, inferenceSeconds: null })
  }

  return {
    submit: async (body, webhookUrl) => {
      sequence += 1
      const request = newRequest(body, { sequence, stepMs, webhookUrl })
      if (webhookUrl && !isLoopbackUrl(webhookUrl))
        request.logs.push(logEntry('Sandbox: the webhook is not sent, no host but this machine is called', 'WARN'))
      request.position = Math.max(courseOf(request).aheadAtFirst, rankOf(waiting, request))
      await store.add(request)
      addToWaiting(request)
      pump()
      return request
    },
    find: (id) => {
      const request = store.all.get(id)
      if (request?.stage === 'queued') updatePosition(request)
      return request
    },
    cancel: async (id) => {
      const request = store.all.get(id)
      if (!request) return 'NOT_FOUND'
      if (request.stage === 'ended') return 'ALREADY_COMPLETED'
      if (effectsOf(request).ignoresCancel || request.cancelRequested) return 'CANCELLATION_REQUESTED'
      request.cancelRequested = true
      await store.save(request)
      const run = running.get(id)
      if (run) run.cancel.abort(new Error('cancelled'))
      else if (request.stage === 'queued') {
        removeFromWaiting(request)
        await endCancelled(request)
      }
      return 'CANCELLATION_REQUESTED'
    },
    takeResultTimeout: async (request) => {
      if (request.resultTimeouts <= 0) return false
      request.resultTimeouts -= 1
      await store.save(request)
      return true
    },
    watch: (id, changed) => {
      const set = watchers.get(id) ?? new Set()
      watchers.set(id, set.add(changed))
      return () => {
        set.delete(changed)
        if (set.size === 0 && watchers.get(id) === set) watchers.delete(id)
      }
    },
    start: () => {
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
    close: async () => {
      closing.abort(new Error('the sandbox closes'))
      clearTimeout(timer)
      await Promise.all([...running.values()].map(({ done }) => done))
    },
  }
}

/** How many are said to stand in front of a request at a time: from `aheadAtFirst` down to 0. */
function simulatedPosition(
  { aheadAtFirst, durationMs }: { aheadAtFirst: number; durationMs: number },
  elapsedMs: number,
): number {
  if (durationMs <= 0) return elapsedMs > 0 ? 0 : aheadAtFirst
  const left = Math.max(0, 1 - elapsedMs / durationMs)
  return Math.min(aheadAtFirst, Math.floor((aheadAtFirst + 1) * left))
}

/** How many of those that wait stand in front of a request. Logarithmic: in a load test thousands ask for their rank. */
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
    dueAt: acceptedAt + (scenario?.effects.lineSteps ?? ORDINARY_LINE.lineSteps) * stepMs,
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

/** How a request's scenario bends its course. */
export function effectsOf(request: VideoRequest): ScenarioEffects {
  return SCENARIOS.find(({ name }) => name === request.scenario)?.effects ?? {}
}

function courseOf(request: VideoRequest): { aheadAtFirst: number } {
  return { aheadAtFirst: effectsOf(request).aheadAtFirst ?? ORDINARY_LINE.aheadAtFirst }
}

function imageUrlOf(body: unknown): unknown {
  return typeof body === 'object' && body !== null && 'image_url' in body ? body.image_url : undefined
}

/** An ended request needs its picture no more, and a data URI can be megabytes. */
function withoutDataUri(body: unknown): unknown {
  const imageUrl = imageUrlOf(body)
  if (typeof imageUrl !== 'string' || !imageUrl.startsWith('data:')) return body
  return { ...Object(body), image_url: `${imageUrl.slice(0, 40)}…` }
}
