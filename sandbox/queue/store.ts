import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { readJsonFiles, writeAtomically } from '../disk.ts'
import type { VideoRequest } from './request.ts'

/** Keeps requests across restarts, one JSON file each. */
export interface RequestStore {
  readonly all: ReadonlyMap<string, VideoRequest>
  /** Adds a new request; it is on disk when this resolves. */
  add(request: VideoRequest): Promise<void>
  /** Writes a changed request. Writes of one request happen in the order of the calls. */
  save(request: VideoRequest): Promise<void>
  /** Deletes the oldest ended requests beyond the limit. */
  prune(now: number): Promise<void>
}

export interface RequestStoreOptions {
  dataDir: string
  /** Number of ended requests to keep. Those that ended within ten minutes stay too, up to ten times as many. */
  keepEnded: number
}

/** Minimum age at which an ended request may be deleted: a load test still reads its results. In milliseconds. */
export const KEEP_AT_LEAST_MS = 600_000

/** Opens the store with the requests of an earlier run. Files that are not requests are ignored. */
export async function openRequestStore({ dataDir, keepEnded }: RequestStoreOptions): Promise<RequestStore> {
  const folder = join(dataDir, 'requests')
  await mkdir(folder, { recursive: true })
  const all = new Map<string, VideoRequest>()
  const saved = (await readJsonFiles(folder)).filter(isRequest).sort((a, b) => a.sequence - b.sequence)
  for (const request of saved) all.set(request.id, request)
  const writes = new Map<string, Promise<void>>()
  const pathOf = (id: string) => join(folder, `${id}.json`)

  function save(request: VideoRequest): Promise<void> {
    const before = writes.get(request.id) ?? Promise.resolve()
    const write = before
      .catch(() => {}) // already reported to the caller of that write
      .then(() => (all.has(request.id) ? writeAtomically(pathOf(request.id), JSON.stringify(request)) : undefined))
    writes.set(request.id, write)
    const release = () => {
      if (writes.get(request.id) === write) writes.delete(request.id)
    }
    write.then(release, release)
    return write
  }

  return {
    all,
    add: (request) => {
      all.set(request.id, request)
      return save(request)
    },
    save,
    prune: async (now) => {
      const surplus = endedSurplus([...all.values()], { keepEnded, now })
      for (const request of surplus) {
        all.delete(request.id)
        await writes.get(request.id)?.catch(() => {}) // already reported to the caller of that write
        await rm(pathOf(request.id), { force: true })
      }
    },
  }
}

/** The ended requests to delete: the oldest beyond the limit. */
function endedSurplus(
  requests: readonly VideoRequest[],
  { keepEnded, now }: { keepEnded: number; now: number },
): VideoRequest[] {
  const ended = requests
    .filter((request) => request.stage === 'ended' && request.webhook?.settled !== false)
    .sort((a, b) => (b.endedAt ?? 0) - (a.endedAt ?? 0))
  return ended
    .slice(keepEnded)
    .filter((request, index) => index >= keepEnded * 9 || now - (request.endedAt ?? 0) > KEEP_AT_LEAST_MS)
}

/** Only this program writes these files, and atomically, so a value with an id and a stage is trusted as a request. */
function isRequest(value: unknown): value is VideoRequest {
  return typeof value === 'object' && value !== null && 'id' in value && 'stage' in value
}
