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

export interface SandboxOptions {
  /** Folder for requests, files, the signing key and the port. Only one sandbox at a time may use it. */
  dataDir: string
  /** Default 127.0.0.1. */
  host?: string
  /** Default 0: the port of the last run with this folder if it is free, else any free port. */
  port?: number
  /** Length of a step, in milliseconds; all other waits are multiples of it. 0 runs without waiting. Default 200. */
  stepMs?: number
  /** Requests that run at once. Default 2. */
  slots?: number
  /** Number of ended requests to keep, and of files that no request refers to. Default 500. */
  keep?: number
  /** Maximum size of an upload, in bytes. Default 100 MB. */
  maxUploadBytes?: number
  /** Interval between pings on a status stream, in milliseconds. Default 15,000. */
  pingMs?: number
  /** Wait before a webhook's second attempt, in milliseconds. Default 1,000. */
  webhookRetryMs?: number
  /** Receives failures of background work. Default: ignores them. */
  onError?(error: unknown, context: { stage: string }): void
}

const PRUNE_MS = 30_000

/** Opens a local fal, see README.md, and resumes unfinished requests in the data folder. */
export async function openSandbox(options: SandboxOptions) {
  const { dataDir, host = '127.0.0.1', port = 0, stepMs = 200, slots = 2, keep = 500 } = options
  const onError = options.onError ?? (() => {})
  await mkdir(dataDir, { recursive: true })
  const store = await openRequestStore({ dataDir, keepEnded: keep })
  const { maxUploadBytes = 100_000_000 } = options
  const media = await openMediaStore({ dataDir, keepFiles: keep, maxUploadBytes })
  const key = await openSigningKey(dataDir)
  const server = await openServer({ host, port, dataDir })
  const baseUrl = server.url

  const webhooks = createWebhooks({ store, key, baseUrl, onError }, options.webhookRetryMs ?? 1_000)
  const getClip = createClips(media, Math.min(slots, availableParallelism()))
  const queue = createQueue(
    {
      store,
      run: (request, log, signal) => runRequest(request, { media, getClip, baseUrl, stepMs, log }, signal),
      onEnded: webhooks.deliver,
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
    const referenced = new Set<string>()
    for (const { ending } of store.all.values()) if (ending?.kind === 'video') referenced.add(ending.mediaId)
    await media.prune((id) => referenced.has(id), Date.now())
  }

  let pruning = Promise.resolve()
  const queuePrune = () => {
    pruning = pruning.then(prune).catch((error: unknown) => onError(error, { stage: 'prune' }))
  }
  const pruneTimer = setInterval(queuePrune, PRUNE_MS)
  pruneTimer.unref()
  queuePrune()

  for (const request of store.all.values()) if (request.stage === 'ended') webhooks.deliver(request)
  queue.start()
  server.serve(app)

  return {
    /** Base URL of the queue and the storage, without a trailing slash. */
    url: baseUrl,
    /** Stops the sandbox; unfinished requests resume at the next start with the same data folder. */
    close: async (): Promise<void> => {
      clearInterval(pruneTimer)
      closing.abort()
      await server.close()
      await queue.close()
      await webhooks.close()
      await pruning
    },
  }
}
