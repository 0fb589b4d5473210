import { mkdir } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { Hono } from 'hono'
import { createQueue } from './queue/queue.ts'
import { openSigningKey } from './queue/signing-key.ts'
import { openRequestStore } from './queue/store.ts'
import { createWebhooks } from './queue/webhooks.ts'
import { fileRoutes } from './routes/files.ts'
import { pageRoutes } from './routes/pages.ts'
import { requestRoutes } from './routes/requests.ts'
import { storageRoutes } from './routes/storage.ts'
import { runRequest } from './run.ts'
import { openServer } from './server.ts'
import { createClips } from './video/clips.ts'
import { openMediaStore } from './video/media.ts'

/** A running sandbox. */
export interface Sandbox {
  /** Base of its queue and of its storage, without a slash at the end. */
  readonly url: string
  /** Stops it; unfinished requests go on at the next start with the same data folder. */
  close(): Promise<void>
}

export interface SandboxOptions {
  /** Where requests, files, the signing key and the port are kept. One sandbox at a time may use a folder. */
  dataDir: string
  /** Default 127.0.0.1. */
  host?: string
  /** Default 0: the port of the last run with this folder, if it is free. */
  port?: number
  /** Length of a step, in milliseconds; every other wait is counted in steps. 0 is as fast as can be. Default 200. */
  stepMs?: number
  /** Requests that run at once. Default 2. */
  slots?: number
  /** Ended requests, and files that none of them needs, that are kept. Default 500. */
  keep?: number
  /** Default 100 MB. */
  maxUploadBytes?: number
  /** How often a status stream says that it lives, in milliseconds. Default 15,000. */
  pingMs?: number
  /** Wait before a webhook's second attempt, in milliseconds. Default 1,000. */
  webhookRetryMs?: number
  /** Told of failures in background work. Default: ignores them. */
  onError?(error: unknown, context: { stage: string }): void
}

const PRUNE_MS = 30_000

/** Opens a local fal: see README.md. Goes on with what an earlier run left in the data folder. */
export async function openSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { dataDir, host = '127.0.0.1', port = 0, stepMs = 200, slots = 2, keep = 500 } = options
  const onError = options.onError ?? (() => {})
  await mkdir(dataDir, { recursive: true })
  const store = await openRequestStore({ dataDir, keepEnded: keep })
  const media = await openMediaStore({
    dataDir,
    keepFiles: keep,
    maxUploadBytes: options.maxUploadBytes ?? 100_000_000,
  })
  const key = await openSigningKey(dataDir)
  const server = await openServer({ host, port, dataDir })
  const baseUrl = server.url

  const webhooks = createWebhooks({ store, key, baseUrl, onError }, { retryMs: options.webhookRetryMs ?? 1_000 })
  const giveClip = createClips({ media }, { concurrency: Math.min(slots, availableParallelism()) })
  const queue = createQueue(
    {
      store,
      run: (request, log, signal) => runRequest(request, { media, giveClip, baseUrl, stepMs, log }, signal),
      ended: webhooks.deliver,
      onError,
    },
    { slots, stepMs },
  )

  const closing = new AbortController()
  const app = new Hono()
    .route('/', pageRoutes({ key, baseUrl }))
    .route('/', fileRoutes({ media }))
    .route('/', storageRoutes({ media, baseUrl }))
    .route('/', requestRoutes({ queue, baseUrl, pingMs: options.pingMs ?? 15_000, closing: closing.signal }))
    .notFound((context) => context.json({ detail: 'Not found. This is a sandbox, not fal: see /' }, 404))
    .onError((error, context) => {
      onError(error, { stage: 'http' })
      return context.json({ detail: 'Internal error of the sandbox', error_type: 'internal_error' }, 500)
    })

  async function prune(): Promise<void> {
    await store.prune(Date.now())
    const referred = new Set<string>()
    for (const { ending } of store.all.values()) if (ending?.kind === 'video') referred.add(ending.mediaId)
    await media.prune((id) => referred.has(id), Date.now())
  }

  let pruning = Promise.resolve()
  const pruneInTurn = () => {
    pruning = pruning.then(prune).catch((error: unknown) => onError(error, { stage: 'prune' }))
  }
  const pruneTimer = setInterval(pruneInTurn, PRUNE_MS)
  pruneTimer.unref()
  pruneInTurn()

  for (const request of store.all.values()) if (request.stage === 'ended') webhooks.deliver(request)
  queue.start()
  server.serve(app)

  return {
    url: baseUrl,
    close: async () => {
      clearInterval(pruneTimer)
      closing.abort()
      await server.close()
      await queue.close()
      await webhooks.close()
      await pruning
    },
  }
}
