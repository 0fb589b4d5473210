import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals'
import { type ReelayClient, ReelayRequestError } from '../../../client/core/reelay-client.ts'
import { type JobStatus, type JobSummaryFragment, StudioJobDocument, StudioJobsDocument } from '../generated/graphql.ts'
import { toProblemWords } from '../words/problem.ts'
import { FILTERS, type FilterName, matches } from '../words/status.ts'
import { applySnapshot, applyUpdate, isEnded, type JobEntry, mergeJob } from './job-entry.ts'

/** How far one list has been read. */
interface Reading {
  endCursor: string | null
  /** False once the oldest job is here. */
  hasMore: boolean
  /** When the oldest job that was read was made: the list is known down to there. Null until something was read. */
  horizon: string | null
  isLoading: boolean
  problem: string | null
}

/** Every job that this page knows, by its id, and how far the lists of them are read. */
export interface Gallery {
  readonly filter: Signal<FilterName>
  /** Ids of the jobs to show, newest first, with spaces between: the same text as long as they are the same. */
  readonly shown: ReadonlySignal<string>
  readonly reading: ReadonlySignal<Reading>
  /** How many known jobs have not ended. */
  readonly runningCount: ReadonlySignal<number>
  find(id: string): Signal<JobEntry> | undefined
  /** Takes a job that was made or read, and watches it to its end. */
  put(job: JobSummaryFragment): void
  loadMore(): Promise<void>
  /** Reads one job, with its whole log. Answers whether there is such a job. @throws when nobody can tell. */
  open(id: string): Promise<boolean>
  /** Reads the first page, and follows what is new from then on. */
  start(): void
  /** After a break: reads what is new, and what could not be read. */
  catchUp(): Promise<void>
}

export interface GalleryEvents {
  onStatus(job: JobSummaryFragment, before: JobStatus): void
  /** An update warned of something. */
  onWarning(): void
}

const PAGE_SIZE = 24
const UNREAD: Reading = { endCursor: null, hasMore: true, horizon: null, isLoading: false, problem: null }

export function createGallery(client: ReelayClient, { onStatus, onWarning }: GalleryEvents): Gallery {
  const entries = new Map<string, Signal<JobEntry>>()
  const count = signal(0)
  const filter = signal<FilterName>('all')
  const readings = new Map(FILTERS.map(({ name }) => [name, signal(UNREAD)]))
  const watched = new Set<string>()
  /** Told by the feed, yet not among the newest: older than what the page shows. */
  const passedOver = new Set<string>()

  const readingOf = (name: FilterName) => readings.get(name) as Signal<Reading>
  const reading = computed(() => readingOf(filter.value).value)

  const shown = computed(() => {
    const { horizon, hasMore } = reading.value
    if (count.value === 0) return ''
    return [...entries.values()]
      .map((entry) => entry.value.job)
      .filter(({ status }) => matches(filter.value, status))
      .filter(({ createdAt }) => !hasMore || (horizon !== null && createdAt >= horizon))
      .sort((a, b) => (a.createdAt === b.createdAt ? (a.id < b.id ? 1 : -1) : a.createdAt < b.createdAt ? 1 : -1))
      .map(({ id }) => id)
      .join(' ')
  })
  const runningCount = computed(() => {
    if (count.value === 0) return 0
    return [...entries.values()].filter((entry) => !isEnded(entry.value.job.status)).length
  })

  function put(job: JobSummaryFragment): void {
    const known = entries.get(job.id)
    if (known) change(known, mergeJob(known.peek(), job))
    else {
      entries.set(job.id, signal(mergeJob(undefined, job)))
      count.value = entries.size
    }
    if (!isEnded(job.status)) void watch(job.id)
  }

  function change(entry: Signal<JobEntry>, next: JobEntry): void {
    const before = entry.peek().job.status
    entry.value = next
    if (next.job.status !== before) onStatus(next.job, before)
  }

  /** From its beginning, so that the log is whole; resumed by the client over any break; over with the job. */
  async function watch(id: string): Promise<void> {
    const entry = entries.get(id)
    if (!entry || watched.has(id)) return
    watched.add(id)
    try {
      let isWhole = true
      for await (const event of client.watchJob(id)) {
        if (event.kind === 'gap') {
          // Lines are gone for good, or the log is not the one of before and begins anew.
          if (event.missed === 0) isWhole = true
          continue
        }
        change(entry, isWhole ? applySnapshot(entry.peek(), event.update) : applyUpdate(entry.peek(), event.update))
        isWhole = false
        if (event.update.logs.some(({ level }) => level === 'WARN')) onWarning()
      }
    } catch {
      // What cannot be watched can be read: the next look at the list tells how it is.
    } finally {
      watched.delete(id)
    }
  }

  async function readPage(name: FilterName, after: string | null) {
    const statuses = FILTERS.find((one) => one.name === name)?.statuses
    const { jobs } = await client.request(StudioJobsDocument, {
      first: PAGE_SIZE,
      ...(after !== null && { after }),
      ...(statuses && { filter: { status: [...statuses] } }),
    })
    return { ...jobs.pageInfo, jobs: jobs.edges.map(({ node }) => node) }
  }

  async function loadMore(): Promise<void> {
    const name = filter.peek()
    const state = readingOf(name)
    if (state.peek().isLoading || !state.peek().hasMore) return
    state.value = { ...state.peek(), isLoading: true, problem: null }
    try {
      const page = await readPage(name, state.peek().endCursor)
      for (const job of page.jobs) put(job)
      state.value = {
        endCursor: page.endCursor ?? null,
        hasMore: page.hasNextPage,
        horizon: page.jobs.at(-1)?.createdAt ?? state.peek().horizon,
        isLoading: false,
        problem: null,
      }
    } catch (error) {
      state.value = { ...state.peek(), isLoading: false, problem: toProblemWords(error) }
    }
  }

  /** The newest jobs, read again. Should all of them be unknown, there is a gap below: the lists begin anew with them. */
  async function readNewest(): Promise<void> {
    const page = await readPage('all', null)
    const isJoined = page.jobs.some(({ id }) => entries.has(id)) || !page.hasNextPage
    for (const job of page.jobs) put(job)
    if (isJoined) return
    for (const state of readings.values()) state.value = UNREAD
    await loadMore()
  }

  /** Jobs of other tabs and people. A job that is known is watched for itself. */
  async function follow(): Promise<void> {
    for await (const event of client.watchFeed()) {
      const id = event.kind === 'update' ? event.update.job.id : null
      if (id !== null && (entries.has(id) || passedOver.has(id))) continue
      const isRead = await catchUp()
      if (isRead && id !== null && !entries.has(id)) passedOver.add(id)
    }
  }

  async function catchUp(): Promise<boolean> {
    try {
      if (reading.peek().problem !== null) await loadMore()
      // As long as nothing is here, the first page is still to come.
      if (reading.peek().horizon !== null || !reading.peek().hasMore) await readNewest()
      return true
    } catch {
      // Without a connection: it is asked again when that is back.
      return false
    }
  }

  async function open(id: string): Promise<boolean> {
    if (!entries.has(id)) {
      try {
        const { job } = await client.request(StudioJobDocument, { id })
        if (job) put(job)
      } catch (error) {
        if (error instanceof ReelayRequestError && error.code === 'JOB_NOT_FOUND') return false
        throw error
      }
    }
    // An ended job has no watch: one from the start answers its whole log at once, and is over.
    if (!entries.get(id)?.peek().hasWholeLog) void watch(id)
    return true
  }

  return {
    filter,
    shown,
    reading,
    runningCount,
    find: (id) => (count.value > 0 ? entries.get(id) : undefined),
    put,
    loadMore,
    open,
    start: () => {
      void loadMore()
      void follow()
    },
    catchUp: async () => {
      await catchUp()
    },
  }
}
