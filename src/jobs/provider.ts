import { randomUUID } from 'node:crypto'
import type { FalError } from '../adapters/fal/errors.ts'
import type { Database } from '../adapters/postgres/client.ts'
import type { Logger } from '../adapters/telemetry/logger.ts'
import { shorten } from '../errors.ts'
import type { ProviderState } from '../generated/prisma/enums.ts'

export type PauseState = Exclude<ProviderState, 'AVAILABLE'>

/** Whether fal accepts jobs, as far as the processes of this installation know. */
export interface Provider {
  state: ProviderState
  /** The problem and its remedy; null when AVAILABLE. */
  reason: string | null
  since: Date | null
}

/** Why submits are paused, and since when. */
export interface Pause {
  /** The first failure of its kind. */
  error: FalError
  since: Date
}

interface ProviderLogDeps {
  db: Database
  logger: Logger
  onError(error: unknown, context: { stage: string }): void
}

interface ProviderLogOptions {
  /** How often a paused process refreshes its row, in milliseconds. Default 30,000. */
  refreshMs?: number
  /**
   * Age at which a row counts as left by a dead process, in milliseconds. Tolerates two missed refreshes. Default
   * 90,000.
   */
  expiryMs?: number
}

/** Delay before a failed write is retried, in milliseconds. */
const RETRY_MS = 2_000

/** Longest part of a reason that quotes fal, in characters. */
const MAX_WORDS = 200

export type ProviderLog = ReturnType<typeof createProviderLog>

/** The state of fal, shared by all processes: each stores its own pause, and any process can read them. */
export function createProviderLog(
  { db, logger, onError }: ProviderLogDeps,
  { refreshMs = 30_000, expiryMs = 90_000 }: ProviderLogOptions = {},
) {
  /** Of this process's row. */
  const id = randomUUID()
  let pause: Pause | null = null
  let timer: NodeJS.Timeout | undefined
  let writing = Promise.resolve()
  /** True while this process may have a row. */
  let isWritten = false
  let isStopped = false

  /** Writes the state at the time of the write: a pause that has ended meanwhile costs one statement, not two. */
  function write(): void {
    writing = writing.then(async () => {
      let nextMs: number | null
      try {
        await (pause ? store(pause) : remove())
        nextMs = pause && refreshMs
      } catch (error) {
        onError(error, { stage: 'provider state' })
        nextMs = RETRY_MS
      }
      clearTimeout(timer)
      if (nextMs !== null && !isStopped) timer = setTimeout(write, nextMs).unref()
    })
  }

  async function store({ error, since }: Pause): Promise<void> {
    isWritten = true
    // By the database's clock, which all processes share.
    await db.$executeRaw`
      WITH dead AS (
        DELETE FROM "ProviderPause" WHERE "seenAt" < now() - ${expiryMs} * interval '1 ms' AND id <> ${id}::uuid
      )
      INSERT INTO "ProviderPause" (id, state, reason, since, "seenAt") VALUES (
        ${id}::uuid, ${toProviderState(error)}::"ProviderState", ${toPauseReason(error)},
        now() - ${Math.max(0, Date.now() - since.getTime())} * interval '1 ms', now()
      )
      ON CONFLICT (id) DO UPDATE SET state = EXCLUDED.state, reason = EXCLUDED.reason, "seenAt" = EXCLUDED."seenAt"`
  }

  async function remove(): Promise<void> {
    await db.providerPause.deleteMany({ where: { id } })
    isWritten = false
  }

  return {
    /** Stores that this process has paused submits, and refreshes the row until `resumed` or `stop`. */
    paused: (next: Pause): void => {
      const { kind, status } = next.error
      logger[kind === 'auth' ? 'error' : 'warn']({ kind, status }, toPauseLogText(next.error))
      pause = next
      write()
    },
    resumed: (): void => {
      if (pause) logger.info({ pausedMs: Date.now() - pause.since.getTime() }, 'submission to fal has resumed')
      pause = null
      write()
    },
    /** The most severe pause of all live processes. */
    read: async (): Promise<Provider> => {
      const [row] = await db.$queryRaw<Provider[]>`
        SELECT state::text AS state, reason, since FROM "ProviderPause"
        WHERE "seenAt" >= now() - ${expiryMs} * interval '1 ms' ORDER BY "ProviderPause".state DESC, since LIMIT 1`
      return row ?? { state: 'AVAILABLE', reason: null, since: null }
    },
    /** Deletes the row of this process. */
    stop: async (): Promise<void> => {
      isStopped = true
      pause = null
      await writing
      if (isWritten) await remove()
    },
  }
}

function toPauseLogText({ kind, message }: FalError): string {
  const text = `submission to fal is paused; jobs are waiting: ${message}`
  return kind === 'auth' ? `${text}: set FAL_KEY to a key that fal accepts` : text
}

/** The warning of `/readyz`. */
export function toPauseWarning({ error, since }: Pause): string {
  return `submission to fal has been paused since ${since.toISOString()}; jobs are waiting: ${error.message}`
}

export function toProviderState({ kind }: FalError): PauseState {
  return kind === 'auth' ? 'KEY_REFUSED' : kind === 'rate-limited' ? 'RATE_LIMITED' : 'UNREACHABLE'
}

/** The problem, fal's own message, the consequence for jobs, and the remedy. */
export function toPauseReason(error: FalError): string {
  const words = shorten(error.message, MAX_WORDS)
  switch (toProviderState(error)) {
    case 'KEY_REFUSED':
      return `fal refuses the API key: ${words}. Jobs wait until the operator sets FAL_KEY to a valid key or fixes the fal account. No job is lost, and waiting jobs are not billed.`
    case 'RATE_LIMITED':
      return `fal limits the number of requests: ${words}. Jobs wait and are submitted as fal accepts them. No job is lost.`
    case 'UNREACHABLE':
      return `fal is unreachable or fails: ${words}. Jobs wait and are submitted once fal recovers. No job is lost, and waiting jobs are not billed.`
  }
}

/** The result of the first probe of fal, for the operator. */
export function toProbeText(error: FalError | null): string {
  if (error === null) return 'key accepted'
  switch (toProviderState(error)) {
    case 'KEY_REFUSED':
      return 'the key is REFUSED: set FAL_KEY to a valid key'
    case 'RATE_LIMITED':
      return 'rate limited at the moment: jobs wait'
    case 'UNREACHABLE':
      return 'unreachable at the moment: jobs wait'
  }
}
