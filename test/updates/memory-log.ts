import { canMove, isTerminal } from '../../src/updates/job-status.ts'
import type { Update } from '../../src/updates/update.ts'
import type { Appended, Change, UpdateLog, UpdateRange } from '../../src/updates/update-log.ts'

export interface MemoryLogOptions {
  /** Told of each stored update, after it can be read. Hints may be lost or late: that is the caller's to decide. */
  publish?(update: Update): void
  /** Awaited before and after each read, so that a test can put other things in between. */
  delay?(): Promise<void>
}

/** A driver of the log for one process: the same promises as the database's, kept in memory. */
export interface MemoryLog extends UpdateLog {
  create(jobId: string, ownerId?: string): void
  /** Forgets the stored updates of a job below a sequence, as an operator may. */
  prune(jobId: string, below: number): void
  /** How often updates were read, by the name of the method. */
  readonly reads: { readMany: number; snapshot: number; heads: number; readTails: number }
}

interface Stored {
  ownerId: string
  now: Update
  updates: Update[]
}

export function createMemoryLog({ publish = () => {}, delay = async () => {} }: MemoryLogOptions = {}): MemoryLog {
  const jobs = new Map<string, Stored>()
  const reads = { readMany: 0, snapshot: 0, heads: 0, readTails: 0 }

  function store({ jobId, status, queuePosition = null, progress = null, logs = [] }: Change): Appended {
    const job = jobs.get(jobId)
    if (!job) return { outcome: 'fenced' }
    const { now } = job
    const next = canMove(now.status, status) ? status : now.status
    const place = next === 'QUEUED' ? (queuePosition ?? now.queuePosition) : null
    const isNews = next !== now.status || place !== now.queuePosition || logs.length > 0
    if (now.final || !isNews) return { outcome: 'unchanged', status: now.status }
    const sequence = now.sequence + 1
    const update = {
      ...now,
      sequence,
      at: new Date(),
      status: next,
      queuePosition: place,
      progress: next === 'SUCCEEDED' ? 1 : progress,
      logs,
      final: isTerminal(next),
    }
    job.updates.push(update)
    job.now = { ...update, progress: update.progress ?? now.progress, logs: [...now.logs, ...logs] }
    // How long a state lasts is a matter of the real log.
    return {
      outcome: 'stored',
      update,
      status: next,
      previous: next === now.status ? null : { status: now.status, seconds: 0 },
    }
  }

  async function readMany(
    jobIds: readonly string[],
    { after = 0, before = Infinity, limit, fromEnd = false }: UpdateRange,
  ) {
    reads.readMany++
    await delay()
    const pages = jobIds.map((jobId): [string, Update[]] => {
      const range = (jobs.get(jobId)?.updates ?? []).filter(({ sequence }) => sequence > after && sequence < before)
      return [jobId, fromEnd ? range.slice(-limit) : range.slice(0, limit)]
    })
    await delay()
    return new Map(pages)
  }

  return {
    reads,
    create: (jobId, ownerId = 'owner') => {
      const now: Update = {
        jobId,
        ownerId,
        sequence: 1,
        at: new Date(),
        status: 'PENDING',
        queuePosition: null,
        progress: null,
        logs: [],
        final: false,
        missed: 0,
      }
      jobs.set(jobId, { ownerId, now, updates: [now] })
    },
    prune: (jobId, below) => {
      const job = jobs.get(jobId)
      if (job) job.updates = job.updates.filter(({ sequence }) => sequence >= below)
    },
    append: async (change) => {
      await delay()
      const appended = store(change)
      await delay()
      if (appended.outcome === 'stored') publish(appended.update)
      return appended
    },
    appendIn: async (_tx, change) => store(change),
    readMany,
    read: async (jobId, range) => (await readMany([jobId], range)).get(jobId) ?? [],
    snapshot: async (jobId) => {
      reads.snapshot++
      await delay()
      const now = jobs.get(jobId)?.now
      await delay()
      if (!now) throw new Error(`job ${jobId} does not exist any more`)
      return now
    },
    readTails: async (after, limit) => {
      reads.readTails++
      await delay()
      const tails = [...after].flatMap(([jobId, last]) =>
        (jobs.get(jobId)?.updates ?? []).filter(({ sequence }) => sequence > last).slice(0, limit),
      )
      await delay()
      return tails
    },
    heads: async (jobIds) => {
      reads.heads++
      await delay()
      return new Map(
        jobIds.flatMap((jobId) => (jobs.has(jobId) ? [[jobId, jobs.get(jobId)?.now.sequence ?? 0] as const] : [])),
      )
    },
  }
}
