import { computed, type Signal, signal } from '@preact/signals'
import { type ReelayClient, ReelayRequestError } from '../../../client/core/reelay-client.ts'
import {
  GetJobDocument,
  type JobStatus,
  type JobSummaryFragment,
  ListRecentJobsDocument,
} from '../../../operations/generated/graphql.ts'
import { toErrorText } from '../format/request-error.ts'
import { FILTERS, type FilterName, matches } from '../format/status.ts'
import { applySnapshot, applyUpdate, isEnded, type JobEntry, mergeJob } from './job-entry.ts'

/** How much of one filtered list is loaded. */
interface ListState {
  endCursor: string | null
  /** False once the oldest job is loaded. */
  hasMore: boolean
  /** `createdAt` of the oldest loaded job: the list is complete from there on. Null before the first page. */
  oldestCreatedAt: string | null
  isLoading: boolean
  error: string | null
}

interface JobListEvents {
  onStatus(job: JobSummaryFragment, before: JobStatus): void
  /** An update had a log line of level WARN. */
  onWarning(): void
}

const PAGE_SIZE = 24
/** How long a request waits for its response, in milliseconds. */
const TIMEOUT_MS = 20_000
const UNREAD: ListState = { endCursor: null, hasMore: true, oldestCreatedAt: null, isLoading: false, error: null }

/** All jobs that this page has loaded, by id, and one list of them per filter. */
export function createJobList(client: ReelayClient, { onStatus, onWarning }: JobListEvents) {
  const entries = new Map<string, Signal<JobEntry>>()
  const entryCount = signal(0)
  const filter = signal<FilterName>('all')
  const lists = new Map(FILTERS.map(({ name }) => [name, signal(UNREAD)]))
  const watched = new Set<string>()
  /** Ids from the feed that were not on the newest page: jobs older than what the page shows. */
  const olderIds = new Set<string>()

  const listOf = (name: FilterName) => lists.get(name) as Signal<ListState>
  /** The state of the current filter's list. */
  const list = computed(() => listOf(filter.value).value)

  /** Space-separated ids of the jobs to show, newest first: a string, so that an unchanged list is an equal value. */
  const visibleIds = computed(() => {
    const { oldestCreatedAt, hasMore } = list.value
    if (entryCount.value === 0) return ''
    return [...entries.values()]
      .map((entry) => entry.value.job)
      .filter(({ status }) => matches(filter.value, status))
      .filter(({ createdAt }) => !hasMore || (oldestCreatedAt !== null && createdAt >= oldestCreatedAt))
      .sort((a, b) => (a.createdAt === b.createdAt ? (a.id < b.id ? 1 : -1) : a.createdAt < b.createdAt ? 1 : -1))
      .map(({ id }) => id)
      .join(' ')
  })
  /** How many loaded jobs are still open. */
  const openCount = computed(() => {
    if (entryCount.value === 0) return 0
    return [...entries.values()].filter((entry) => !isEnded(entry.value.job.status)).length
  })

  /** Adds or updates a job, and follows it to its end. */
  function upsert(job: JobSummaryFragment): void {
    const known = entries.get(job.id)
    if (known) replace(known, mergeJob(known.peek(), job))
    else {
      entries.set(job.id, signal(mergeJob(undefined, job)))
      entryCount.value = entries.size
    }
    if (!isEnded(job.status)) void watch(job.id)
  }

  function replace(entry: Signal<JobEntry>, next: JobEntry): void {
    const before = entry.peek().job.status
    entry.value = next
    if (next.job.status !== before) onStatus(next.job, before)
  }

  /** Follows a job from its first update, so that its log is complete. The client resumes after a disconnect. */
  async function watch(id: string): Promise<void> {
    const entry = entries.get(id)
    if (!entry || watched.has(id)) return
    watched.add(id)
    try {
      let isSnapshot = true
      for await (const event of client.watchJob(id)) {
        if (event.kind === 'gap') {
          // 0 missed: the server's history was replaced, and the next update is a snapshot. Otherwise lines are lost.
          if (event.missed === 0) isSnapshot = true
          continue
        }
        replace(entry, isSnapshot ? applySnapshot(entry.peek(), event.update) : applyUpdate(entry.peek(), event.update))
        isSnapshot = false
        if (event.update.logs.some(({ level }) => level === 'WARN')) onWarning()
      }
    } catch {
      // The job cannot be watched: the next read of the list updates it.
    } finally {
      watched.delete(id)
    }
  }

  async function readPage(name: FilterName, after: string | null) {
    const statuses = FILTERS.find((one) => one.name === name)?.statuses
    const variables = {
      first: PAGE_SIZE,
      ...(after !== null && { after }),
      ...(statuses && { filter: { status: [...statuses] } }),
    }
    const timeout = AbortSignal.timeout(TIMEOUT_MS)
    const { jobs } = await client.request(ListRecentJobsDocument, variables, { signal: timeout })
    return { ...jobs.pageInfo, jobs: jobs.edges.map(({ node }) => node) }
  }

  async function loadMore(): Promise<void> {
    const name = filter.peek()
    const state = listOf(name)
    if (state.peek().isLoading || !state.peek().hasMore) return
    state.value = { ...state.peek(), isLoading: true, error: null }
    try {
      const page = await readPage(name, state.peek().endCursor)
      for (const job of page.jobs) upsert(job)
      state.value = {
        endCursor: page.endCursor ?? null,
        hasMore: page.hasNextPage,
        oldestCreatedAt: page.jobs.at(-1)?.createdAt ?? state.peek().oldestCreatedAt,
        isLoading: false,
        error: null,
      }
    } catch (error) {
      state.value = { ...state.peek(), isLoading: false, error: toErrorText(error) }
    }
  }

  /** Reads the newest page. If all of its jobs are new, older ones may be missing: every list starts over. */
  async function readNewest(): Promise<void> {
    const page = await readPage('all', null)
    const isContiguous = page.jobs.some(({ id }) => entries.has(id)) || !page.hasNextPage
    for (const job of page.jobs) upsert(job)
    if (isContiguous) return
    for (const state of lists.values()) state.value = UNREAD
    await loadMore()
  }

  /** Loads jobs that other tabs and users create. Loaded jobs have a watch each. */
  async function followFeed(): Promise<void> {
    for await (const event of client.watchFeed()) {
      const id = event.kind === 'update' ? event.update.job.id : null
      if (id !== null && (entries.has(id) || olderIds.has(id))) continue
      const isRead = await catchUp()
      if (isRead && id !== null && !entries.has(id)) olderIds.add(id)
    }
  }

  /** After a reconnect: loads what is new, and repeats a page that failed. @returns whether that succeeded */
  async function catchUp(): Promise<boolean> {
    try {
      if (list.peek().error !== null) await loadMore()
      // Before the first page, loadMore reads the newest jobs.
      if (list.peek().oldestCreatedAt !== null || !list.peek().hasMore) await readNewest()
      return true
    } catch {
      // Offline: the studio catches up when it reconnects.
      return false
    }
  }

  /**
   * Loads one job with its whole log.
   * @returns false when the job does not exist
   * @throws ReelayRequestError when the request fails
   */
  async function load(id: string): Promise<boolean> {
    if (!entries.has(id)) {
      try {
        const { job } = await client.request(GetJobDocument, { id }, { signal: AbortSignal.timeout(TIMEOUT_MS) })
        if (job) upsert(job)
      } catch (error) {
        if (error instanceof ReelayRequestError && error.code === 'JOB_NOT_FOUND') return false
        throw error
      }
    }
    // An ended job has no watch. Watching it from the start returns its whole log in one update, and ends.
    if (!entries.get(id)?.peek().hasFullLog) void watch(id)
    return true
  }

  return {
    filter,
    visibleIds,
    list,
    openCount,
    find: (id: string): Signal<JobEntry> | undefined => (entryCount.value > 0 ? entries.get(id) : undefined),
    upsert,
    loadMore,
    load,
    catchUp,
    /** Loads the first page, and follows the feed of new jobs. */
    start: (): void => {
      void loadMore()
      void followFeed()
    },
  }
}
