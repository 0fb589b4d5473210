import type { JobStatus } from '../../../operations/generated/graphql.ts'

export const FILTERS = [
  { name: 'all', label: 'All', statuses: null },
  { name: 'inProgress', label: 'In progress', statuses: ['PENDING', 'QUEUED', 'RUNNING', 'STORING', 'CANCELING'] },
  { name: 'done', label: 'Done', statuses: ['SUCCEEDED'] },
  { name: 'failed', label: 'Failed', statuses: ['FAILED'] },
  { name: 'canceled', label: 'Canceled', statuses: ['CANCELED'] },
] as const satisfies readonly { name: string; label: string; statuses: readonly JobStatus[] | null }[]

export type FilterName = (typeof FILTERS)[number]['name']

export function matches(filter: FilterName, status: JobStatus): boolean {
  const statuses: readonly JobStatus[] | null = FILTERS.find(({ name }) => name === filter)?.statuses ?? null
  return statuses === null || statuses.includes(status)
}

const STATUS_TEXTS: Record<JobStatus, string> = {
  PENDING: 'Submitting…',
  QUEUED: 'Queued',
  RUNNING: 'Generating',
  STORING: 'Saving the video',
  CANCELING: 'Canceling',
  SUCCEEDED: 'Done',
  FAILED: 'Failed',
  CANCELED: 'Canceled',
}

/**
 * The status as shown to the user. A status that is newer than this page is shown as its lower-case name.
 * @param isPaused - whether the server has paused submission to fal
 */
export function toStatusText(status: JobStatus, isPaused: boolean): string {
  if (isPaused && status === 'PENDING') return 'Waiting for fal'
  return STATUS_TEXTS[status] ?? status.toLowerCase().replaceAll('_', ' ')
}

/** A queue position as a large and a small text. 0 is next. */
export function toQueueText(queuePosition: number): { large: string; small: string } {
  if (queuePosition === 0) return { large: 'Next up', small: '' }
  return { large: queuePosition.toLocaleString('en'), small: 'ahead of you' }
}
