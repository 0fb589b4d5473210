import type DataLoader from 'dataloader'
import type { Database } from './adapters/postgres/client.ts'
import type { JobStatus } from './generated/prisma/enums.ts'
import type { UploadedImage } from './jobs/image-upload.ts'
import type { Jobs, Viewer } from './jobs/jobs.ts'
import type { ProviderLog } from './jobs/provider.ts'
import type { Streams } from './updates/stream.ts'
import type { Update } from './updates/update.ts'
import type { UpdateLog } from './updates/update-log.ts'

/** The services of the resolvers; created by the app, the same for every operation. */
export interface Services {
  db: Database
  jobs: Jobs
  uploadImage(file: Blob): Promise<UploadedImage>
  provider: Pick<ProviderLog, 'read'>
  log: UpdateLog
  streams: Streams
  /** The URL of this server for clients, without a trailing slash. */
  publicUrl: string
}

/** The context of a resolver. Created once per operation, the same over HTTP and WebSocket. */
export interface Context extends Services {
  viewer: Viewer
  /** Loaders of pages of updates, by range: one query serves all jobs of the operation with the same range. */
  updatePages: Map<string, DataLoader<string, Update[]>>
  /** Characters of long texts in the response so far. */
  characters: number
  /** The request's share of the memory budget; absent over WebSocket, where each message has its own. */
  memory?: { reserve(bytes: number): boolean }
  /** Fields of log lines in the response so far. */
  lineFields: number
  /** Job counts by status, for one time range per operation. */
  counts: { range: string | null; byStatus: Promise<ReadonlyMap<JobStatus, number>> | null }
}

/** There is no authentication: every request is the local user's. */
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
