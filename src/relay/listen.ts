import { FalError } from '../adapters/fal/errors.ts'
import type { FalStatus } from '../adapters/fal/types.ts'
import { type ClaimContext, ClaimLostError, type RelayDeps } from './claim-context.ts'
import type { Course } from './course.ts'

export type Completed = Extract<FalStatus, { state: 'COMPLETED' }>

/** Why the stream was left: it told the end, the job's alarm rang, or it had said nothing for a while. */
export type Heard = Completed | 'rung' | 'quiet'

/** fal begins with the status as it is: a stream that says nothing in this time will not do better, in milliseconds. */
const FIRST_MS = 4_000

/**
 * Takes what fal's status stream tells, until one of the three.
 * @param quietMs - a stream that lives and tells nothing new for this long is looked behind, in milliseconds
 * @throws FalError when the stream breaks
 */
export async function listenToRequest(
  { fal }: RelayDeps,
  context: ClaimContext,
  { course, endpoint, requestId, quietMs }: { course: Course; endpoint: string; requestId: string; quietMs: number },
): Promise<Heard> {
  const leaving = new AbortController()
  const signal = AbortSignal.any([context.signal, leaving.signal])
  const statuses = fal.watch(endpoint, requestId, { signal })[Symbol.asyncIterator]()
  course.beginStream()
  let next = statuses.next()
  let wakeUp = context.wakeUp.wait(Math.min(FIRST_MS, quietMs), signal)
  let isFirst = true
  let isRung = false
  let newsAt = performance.now()
  try {
    for (;;) {
      const first = await Promise.race([next, wakeUp])
      if (first === true) {
        isRung = true
        return 'rung'
      }
      if (first === false) {
        if (isFirst) throw new FalError('interrupted', "fal's status stream began and said nothing")
        const leftMs = newsAt + quietMs - performance.now()
        if (leftMs <= 0) return 'quiet'
        wakeUp = context.wakeUp.wait(leftMs, signal)
        continue
      }
      // The adapter ends only after COMPLETED, which has been returned by then.
      if (first.done) throw new Error('the status stream ended without a word')
      isFirst = false
      // One that repeats what it said is as good as silent: it may be stuck.
      if (await course.takeStreamed(first.value)) newsAt = performance.now()
      if (first.value.state === 'COMPLETED') return first.value
      next = statuses.next()
    }
  } finally {
    leaving.abort(new ClaimLostError())
    // What nobody waits for any more ends with the signal; a stream that waits for its reader, by being left.
    const [, rang] = await Promise.allSettled([next, wakeUp, statuses.return?.()])
    // It rang in the moment in which the stream ended: whoever sleeps next is told.
    if (!isRung && rang.status === 'fulfilled' && rang.value) context.wakeUp.notify()
  }
}
