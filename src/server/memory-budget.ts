import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'

/** The share of the process's memory for all requests. The rest is for the process itself and for garbage. */
const REQUESTS_SHARE = 0.25

/** The share of the budget for images. The rest is reserved for small requests without one. */
const IMAGES_SHARE = 0.75

/** An image of 10 MiB is a data URI of 13.4 MiB; the rest is for the operation around it. */
export const MAX_BODY_BYTES = 15 * 1024 * 1024

/** Longest body apart from its image, in bytes. */
export const MAX_OPERATION_BYTES = 256 * 1024

/** Bytes of memory per byte of parsed JSON: `{},` has three bytes, and an empty object takes 64. */
const OPERATION_COST = 24

/**
 * Bytes of memory per byte of an image: its text in chunks and as a whole, its decoded bytes, and their garbage.
 * Measured: a data URI of 13.4 MiB takes 60 to 100 MiB.
 */
const IMAGE_COST = 8

/** Bytes of memory per byte of an uploaded file: the file itself, and its copy on the way to fal. */
const FILE_COST = 2

/** Overhead of a chunk in bytes: a body may arrive one byte at a time. */
const CHUNK_BYTES = 512
/** The overhead of a whole image that arrives in network segments of 1 KiB. */
const CHUNKS_BYTES = CHUNK_BYTES * (MAX_BODY_BYTES / 1024)

/** Limits the memory of all requests in progress together, so that no number of clients can exhaust the process. */
export function createMemoryBudget(processBytes: number = readProcessMemory()) {
  // However small the process, one image at a time is accepted: otherwise images would always be refused.
  const limitBytes = Math.max(processBytes * REQUESTS_SHARE, (toCost(MAX_BODY_BYTES) + CHUNKS_BYTES) / IMAGES_SHARE)
  let usedBytes = 0

  /** Opens one request's share of the budget. */
  function open() {
    let receivedBytes = 0
    let costBytes = 0
    let isReleased = false

    function charge(bytes: number, sizeBytes: number): boolean {
      const share = sizeBytes > MAX_OPERATION_BYTES ? IMAGES_SHARE : 1
      if (isReleased || usedBytes + bytes > limitBytes * share) return false
      costBytes += bytes
      usedBytes += bytes
      return true
    }

    return {
      /** Bytes received so far. */
      get receivedBytes() {
        return receivedBytes
      },
      /** Charges memory for a received chunk. False when the budget is exhausted: the request must end. */
      extend: (bytes: number): boolean => {
        const before = toCost(receivedBytes)
        receivedBytes += bytes
        return charge(toCost(receivedBytes) - before + CHUNK_BYTES, receivedBytes)
      },
      /** Charges exactly this many bytes. False when the budget is exhausted. */
      reserve: (bytes: number): boolean => charge(bytes, bytes),
      /** Releases the cost of reading the body, once only its file remains. */
      releaseAllButFile: (): void => {
        const keptBytes = Math.min(costBytes, toCost(receivedBytes, FILE_COST))
        if (!isReleased) usedBytes -= costBytes - keptBytes
        costBytes = keptBytes
      },
      /** Releases everything. Idempotent. */
      release: (): void => {
        if (!isReleased) usedBytes -= costBytes
        isReleased = true
      },
    }
  }
  return { open }
}

export type MemoryBudget = ReturnType<typeof createMemoryBudget>
export type MemoryLease = ReturnType<MemoryBudget['open']>

function toCost(receivedBytes: number, imageCost = IMAGE_COST): number {
  const operationBytes = Math.min(receivedBytes, MAX_OPERATION_BYTES)
  return operationBytes * OPERATION_COST + (receivedBytes - operationBytes) * imageCost
}

/** The smallest memory limit of this process: machine, container and V8 heap. */
function readProcessMemory(): number {
  // 0 when the process is not constrained.
  const container = process.constrainedMemory() || Number.POSITIVE_INFINITY
  return Math.min(totalmem(), container, getHeapStatistics().heap_size_limit)
}
