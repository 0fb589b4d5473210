import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'

/** What requests may take together of the process's memory. The rest is for the process itself and for garbage. */
const REQUESTS_SHARE = 0.25

/** Images may take this much of the budget. The rest is left to requests without one, which are small. */
const IMAGES_SHARE = 0.75

/** A data URI of 10 MiB is 13.4 MiB of base64; the rest is the operation around it. */
export const MAX_BODY_BYTES = 15 * 1024 * 1024

/** A body without an image is at most this long, in bytes. */
export const MAX_OPERATION_BYTES = 256 * 1024

/** Bytes of memory that a byte of JSON takes once it is parsed: `{},` has three, and an empty object 64. */
const OPERATION_COST = 24

/**
 * Bytes of memory that a byte of an image takes: as text in pieces and as a whole, decoded, and as garbage of all these.
 * Measured: a data URI of 13.4 MiB takes 60 to 100 MiB.
 */
const IMAGE_COST = 8

/** Bytes of memory that a byte of a file takes once it has been read: itself, and what of it is on its way to fal. */
const FILE_COST = 2

/** Bytes of memory that a chunk takes besides what is in it. A body may come a byte at a time. */
const CHUNK_BYTES = 512
/** The same of a whole image that comes in segments of the network. */
const CHUNKS_BYTES = CHUNK_BYTES * (MAX_BODY_BYTES / 1024)

/** The memory that requests under way may take together, so that no number of senders ends the process. */
export interface MemoryBudget {
  open(): MemoryLease
}

/** What one request takes of the budget. */
export interface MemoryLease {
  /** What came so far. */
  readonly receivedBytes: number
  /** Takes memory for a chunk of so many bytes that came. False when there is none left: the request must end. */
  extend(bytes: number): boolean
  /** Takes just so many bytes of memory. False when there are none left. */
  reserve(bytes: number): boolean
  /** Gives back what a body takes only while it is read, once nothing but its file is left of it. */
  keepFile(): void
  /** Gives everything back. Can be called twice. */
  release(): void
}

export function createMemoryBudget(processBytes: number = readProcessMemory()): MemoryBudget {
  // One image at a time is taken however small the process is: refused now, it would be refused for ever.
  const limitBytes = Math.max(processBytes * REQUESTS_SHARE, (toCost(MAX_BODY_BYTES) + CHUNKS_BYTES) / IMAGES_SHARE)
  let takenBytes = 0
  return {
    open: () => {
      let receivedBytes = 0
      let costBytes = 0
      let isReleased = false
      function take(bytes: number, share: number): boolean {
        if (isReleased || takenBytes + bytes > limitBytes * share) return false
        costBytes += bytes
        takenBytes += bytes
        return true
      }
      return {
        get receivedBytes() {
          return receivedBytes
        },
        extend: (bytes) => {
          const before = toCost(receivedBytes)
          receivedBytes += bytes
          const moreBytes = toCost(receivedBytes) - before + CHUNK_BYTES
          return take(moreBytes, receivedBytes > MAX_OPERATION_BYTES ? IMAGES_SHARE : 1)
        },
        reserve: (bytes) => take(bytes, bytes > MAX_OPERATION_BYTES ? IMAGES_SHARE : 1),
        keepFile: () => {
          const keptBytes = Math.min(costBytes, toCost(receivedBytes, FILE_COST))
          if (!isReleased) takenBytes -= costBytes - keptBytes
          costBytes = keptBytes
        },
        release: () => {
          if (!isReleased) takenBytes -= costBytes
          isReleased = true
        },
      }
    },
  }
}

function toCost(receivedBytes: number, imageCost = IMAGE_COST): number {
  const operationBytes = Math.min(receivedBytes, MAX_OPERATION_BYTES)
  return operationBytes * OPERATION_COST + (receivedBytes - operationBytes) * imageCost
}

/** The least of what limits this process: the machine, its container, and V8's heap. */
function readProcessMemory(): number {
  // 0 where nothing constrains the process.
  const container = process.constrainedMemory() || Number.POSITIVE_INFINITY
  return Math.min(totalmem(), container, getHeapStatistics().heap_size_limit)
}
