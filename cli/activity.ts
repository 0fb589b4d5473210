import { toSafeText } from './text.ts'
import type { Update } from './watch.ts'

/** What goes on now, in a few words. */
export interface Activity {
  text: string
  /** 0 to 1; null when it goes on, but nobody knows how far it is; absent when it only waits. */
  progress?: number | null
}

/**
 * What an update tells; null when nothing goes on any more. How far it is stays as last told: an update about something else does not take it back.
 * @param before - the activity after the update before, if there was one
 */
export function toActivity(
  { status, queuePosition, progress, logs }: Pick<Update, 'status' | 'queuePosition' | 'progress' | 'logs'>,
  before: Activity | null = null,
): Activity | null {
  switch (status) {
    case 'PENDING':
      return toWaiting(logs, before)
    case 'QUEUED':
      if (queuePosition === null) return { text: 'in the queue' }
      return { text: queuePosition === 0 ? 'next in the queue' : `in the queue, ${queuePosition} ahead` }
    case 'RUNNING':
      return {
        text: 'generating',
        progress: progress ?? (before?.text === 'generating' ? (before.progress ?? null) : null),
      }
    case 'STORING':
      return { text: 'storing the video', progress: null }
    case 'CANCELING':
      return { text: 'canceling', progress: null }
    case 'SUCCEEDED':
    case 'FAILED':
    case 'CANCELED':
      return null
    default:
      // A newer server may know more.
      return { text: String(status satisfies never).toLowerCase() }
  }
}

/** What a job waits for, as the newest warning has it: its first clause says what is the matter, and the line itself the rest. */
function toWaiting(logs: Update['logs'], before: Activity | null): Activity {
  const warning = logs.findLast(({ level }) => level === 'WARN')
  if (warning) return { text: `waiting: ${toSafeText(warning.message.split(/[:.](?:\s|$)/, 1)[0] ?? '')}` }
  return before?.text.startsWith('waiting: ') ? before : { text: 'waiting to be sent to fal' }
}
