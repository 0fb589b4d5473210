import type DataLoader from 'dataloader'
import type { Database } from './adapters/postgres/client.ts'
import type { JobStatus } from './generated/prisma/enums.ts'
import type { UploadedImage } from './jobs/image-upload.ts'
import type { Jobs, Viewer } from './jobs/jobs.ts'
import type { ProviderLog } from './jobs/provider.ts'
import type { Streams } from './updates/stream.ts'
import type { Update } from './updates/update.ts'
import type { UpdateLog } from './updates/update-log.ts'

/** What resolvers work with; made by the app, the same for every operation. */
export interface Services {
  db: Database
  jobs: Jobs
  uploadImage(file: Blob): Promise<UploadedImage>
  provider: Pick<ProviderLog, 'read'>
  log: UpdateLog
  streams: Streams
  /** How others reach this server, without a slash at the end. */
  publicUrl: string
}

/** What a resolver gets. Made once per operation, the same over HTTP and WebSocket. */
export interface Context extends Services {
  viewer: Viewer
  /** Pages of updates that one operation asks for, by their range: one query for all jobs that ask for the same. */
  updatePages: Map<string, DataLoader<string, Update[]>>
  /** Characters of long texts that one operation has answered with so far. */
  characters: number
  /** What the request may take of the process's memory; not there over WebSocket, where each message has its own. */
  memory?: { reserve(bytes: number): boolean }
  /** Fields of log lines that one operation has answered with so far. */
  lineFields: number
  /** What one operation counts: the jobs of each state, in one range of time. */
  counts: { range: string | null; byStatus: Promise<ReadonlyMap<JobStatus, number>> | null }
}

/** Every request is the local user's until there are keys. */
const LOCAL: Viewer = { ownerId: 'local' }

export function createContext(services: Services): Context {
  return {
    ...services,
    viewer: LOCAL,
    updatePages: new Map(),
    characters: 0,
    lineFields: 0,
    counts: { range: null, byStatus: null },
  }
}
