import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'

/** What requests may take together of the process's memory. The rest is for the process itself and for garbage. */
const REQUESTS_SHARE = 0.25

/** Images may take this much of the budget. The rest is left to requests without one, which are small. */
const IMAGES_SHARE = 0.75

/** A body without an image is at most this long, in bytes. */
export const MAX_OPERATION_BYTES = 256 * 1024

/** Bytes of memory that a byte of JSON takes once it is parsed: `{},` has three, and an empty object 64. */
const OPERATION_COST = 24

/** Bytes of memory that a byte of an image takes on its way through text and decoding into the database, measured. */
const IMAGE_COST = 6

/** The memory that requests under way may take together, so that no number of senders ends the process. */
export interface MemoryBudget {
  open(): MemoryLease
}

/** What one request takes of the budget. */
export interface MemoryLease {
  /** What came so far. */
  readonly receivedBytes: number
  /** Takes memory for so many bytes more that came. False when there is none left: the request must end. */
  extend(bytes: number): boolean
  /** Gives everything back. Can be called twice. */
  release(): void
}

export function createMemoryBudget(limitBytes: number = readProcessMemory() * REQUESTS_SHARE): MemoryBudget {
  let takenBytes = 0
  return {
    open: () => {
      let receivedBytes = 0
      let costBytes = 0
      let isReleased = false
      return {
        get receivedBytes() {
          return receivedBytes
        },
        extend: (bytes) => {
          receivedBytes += bytes
          const moreBytes = toCost(receivedBytes) - costBytes
          const share = receivedBytes > MAX_OPERATION_BYTES ? IMAGES_SHARE : 1
          if (isReleased || takenBytes + moreBytes > limitBytes * share) return false
          costBytes += moreBytes
          takenBytes += moreBytes
          return true
        },
        release: () => {
          if (!isReleased) takenBytes -= costBytes
          isReleased = true
        },
      }
    },
  }
}

function toCost(receivedBytes: number): number {
  const operationBytes = Math.min(receivedBytes, MAX_OPERATION_BYTES)
  return operationBytes * OPERATION_COST + (receivedBytes - operationBytes) * IMAGE_COST
}

/** The least of what limits this process: the machine, its container, and V8's heap. */
function readProcessMemory(): number {
  // 0 where nothing constrains the process.
  const container = process.constrainedMemory() || Number.POSITIVE_INFINITY
  return Math.min(totalmem(), container, getHeapStatistics().heap_size_limit)
}
