import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { readJsonFiles, writeAtomically } from '../disk.ts'
import type { VideoRequest } from './request.ts'

export type RequestStore = Awaited<ReturnType<typeof openRequestStore>>

interface RequestStoreOptions {
  dataDir: string
  /** Number of ended requests to keep. Those that ended within ten minutes stay too, up to ten times as many. */
  keepEnded: number
}

/** Minimum age at which an ended request may be deleted: a load test still reads its results. In milliseconds. */
export const KEEP_AT_LEAST_MS = 600_000

/** Keeps requests across restarts, one JSON file each. Files that are not requests are ignored. */
export async function openRequestStore({ dataDir, keepEnded }: RequestStoreOptions) {
  const folder = join(dataDir, 'requests')
  await mkdir(folder, { recursive: true })
  const all = new Map<string, VideoRequest>()
  const saved = (await readJsonFiles(folder)).filter(isRequest).sort((a, b) => a.sequence - b.sequence)
  for (const request of saved) all.set(request.id, request)
  const writes = new Map<string, Promise<void>>()
  const pathOf = (id: string) => join(folder, `${id}.json`)

  /** Writes a changed request. Writes of one request happen in the order of the calls. */
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
    all: all as ReadonlyMap<string, VideoRequest>,
    /** Adds a new request; it is on disk when this resolves. */
    add: (request: VideoRequest): Promise<void> => {
      all.set(request.id, request)
      return save(request)
    },
    save,
    /** Deletes the oldest ended requests beyond the limit. */
    prune: async (now: number): Promise<void> => {
      const ended = [...all.values()]
        .filter((request) => request.stage === 'ended' && request.webhook?.settled !== false)
        .sort((a, b) => (b.endedAt ?? 0) - (a.endedAt ?? 0))
      const surplus = ended
        .slice(keepEnded)
        .filter((request, index) => index >= keepEnded * 9 || now - (request.endedAt ?? 0) > KEEP_AT_LEAST_MS)
      for (const request of surplus) {
        all.delete(request.id)
        await writes.get(request.id)?.catch(() => {}) // already reported to the caller of that write
        await rm(pathOf(request.id), { force: true })
      }
    },
  }
}

/** Only this program writes these files, and atomically, so a value with an id and a stage is trusted as a request. */
function isRequest(value: unknown): value is VideoRequest {
  return typeof value === 'object' && value !== null && 'id' in value && 'stage' in value
}
