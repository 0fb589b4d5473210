import {
  GenerateVideoDocument,
  type GenerateVideoInput,
  GetJobDocument,
  type JobSummaryFragment,
  WatchJobDocument,
  type WatchJobSubscription,
} from '../../operations/generated/graphql.ts'
import type { SandboxOptions } from '../../sandbox/sandbox.ts'
import type { Config } from '../../src/config.ts'
import { startTestApp } from '../helpers/app.ts'
import { request, subscribe } from '../helpers/graphql-client.ts'
import { createTestDatabase } from '../helpers/postgres.ts'
import { findRefusedUrl } from '../helpers/recording-server.ts'
import { startTestSandbox } from '../helpers/sandbox.ts'

/** A whole server with a database of its own, and what tests of its API do with it all the time. */
export interface Rig {
  url: string
  databaseUrl: string
  /** Base of the fal that the server talks to. */
  falUrl: string
  /** An accepted job. The image and the seed are the same by default, so that a sandbox makes one clip for all. */
  generate(input?: Partial<GenerateVideoInput>): Promise<JobSummaryFragment>
  readJob(id: string): Promise<JobSummaryFragment>
  /** The updates of a job until it ends; after `after`, if given. */
  watch(id: string, after?: string): Promise<WatchJobSubscription['jobProgress'][]>
  /** Stops the server alone, and answers once it has stopped. */
  stopApp(): Promise<void>
  close(): Promise<void>
}

export interface RigOptions {
  /** fal: a sandbox of this rig; `unavailable`, an address where nothing listens; or a URL. */
  fal: Partial<SandboxOptions> | 'unavailable' | string
  /** In place of a database of this rig's own, which it drops when it is closed. */
  database?: { url: string; drop?(): Promise<void> }
  config?: Partial<Config>
}

/** An image that must be uploaded to fal before a job can be submitted: while fal is unavailable, no submit can be sent. */
export const IMAGE_DATA_URI =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

export const EXAMPLE_IMAGE_URL = 'https://example.com/rocket.png'

export async function openRig({ fal, database: given, config = {} }: RigOptions): Promise<Rig> {
  const database = given ?? (await createTestDatabase())
  const sandbox = typeof fal === 'string' ? null : await startTestSandbox({ stepMs: 5, ...fal })
  const falUrl = sandbox?.url ?? (fal === 'unavailable' ? await findRefusedUrl() : String(fal))
  const app = await startTestApp({ databaseUrl: database.url, falUrl, config })
  const { url } = app

  return {
    url,
    databaseUrl: database.url,
    falUrl,
    async generate(input = {}) {
      const { data } = await request(url, GenerateVideoDocument, {
        input: { imageUrl: EXAMPLE_IMAGE_URL, seed: 1, ...input },
      })
      if (data.generateVideo.__typename !== 'GenerateVideoSuccess') throw new Error(JSON.stringify(data))
      return data.generateVideo.job
    },
    async readJob(id) {
      const { data } = await request(url, GetJobDocument, { id })
      if (!data.job) throw new Error(`the server does not know the job ${id}`)
      return data.job
    },
    async watch(id, after) {
      const updates = []
      for await (const { data, errors } of subscribe(url, WatchJobDocument, { id, ...(after && { after }) })) {
        if (errors) throw new Error(JSON.stringify(errors))
        if (data) updates.push(data.jobProgress)
      }
      return updates
    },
    stopApp: app.stop,
    async close() {
      await app.stop()
      await Promise.all([sandbox?.stop(), database.drop?.()])
    },
  }
}
