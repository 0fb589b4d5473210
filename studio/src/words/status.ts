import type { JobStatus } from '../generated/graphql.ts'

/** What the gallery can be narrowed to. */
export const FILTERS = [
  { name: 'all', label: 'All', statuses: null },
  { name: 'making', label: 'Making', statuses: ['PENDING', 'QUEUED', 'RUNNING', 'STORING', 'CANCELING'] },
  { name: 'done', label: 'Done', statuses: ['SUCCEEDED'] },
  { name: 'failed', label: 'Failed', statuses: ['FAILED'] },
  { name: 'canceled', label: 'Canceled', statuses: ['CANCELED'] },
] as const satisfies readonly { name: string; label: string; statuses: readonly JobStatus[] | null }[]

export type FilterName = (typeof FILTERS)[number]['name']

export function matches(filter: FilterName, status: JobStatus): boolean {
  const statuses: readonly JobStatus[] | null = FILTERS.find(({ name }) => name === filter)?.statuses ?? null
  return statuses === null || statuses.includes(status)
}

const WORDS: Record<JobStatus, string> = {
  PENDING: 'Getting ready',
  QUEUED: 'In line',
  RUNNING: 'Making the video',
  STORING: 'Saving the video',
  CANCELING: 'Stopping',
  SUCCEEDED: 'Done',
  FAILED: 'Failed',
  CANCELED: 'Canceled',
}

/** While fal takes no jobs. */
export const WAITING_WORDS = 'Waiting for fal'

/** The state in words. One that this page is too old to know is told as it came. */
export function toStatusWords(status: JobStatus, isPaused = false): string {
  if (isPaused && status === 'PENDING') return WAITING_WORDS
  return WORDS[status] ?? status.toLowerCase().replaceAll('_', ' ')
}

/** Where a job stands in line: 0 is next. */
export function toPlaceWords(queuePosition: number | null): string {
  if (queuePosition === null) return 'In line'
  return queuePosition === 0 ? 'Next in line' : `${queuePosition.toLocaleString('en')} in front of you`
}
