import { randomUUID } from 'node:crypto'
import type { Server } from 'node:http'
import { openFalSignatures, readDeliveredId } from '../../src/adapters/fal/webhook-signature.ts'
import { type Database, openDatabase } from '../../src/adapters/postgres/client.ts'
import type { Job } from '../../src/generated/prisma/client.ts'
import { handleFalWebhook } from '../../src/jobs/fal-webhook.ts'
import { createWebhookUrls } from '../../src/jobs/webhook-url.ts'
import { close, listen, serveRoutes } from '../../src/server/http.ts'
import { createMemoryBudget } from '../../src/server/memory-budget.ts'
import { webhookRoutes } from '../../src/server/webhooks.ts'
import { createNotifier } from '../../src/updates/notifier.ts'
import { createTestDatabase } from '../helpers/postgres.ts'
import { type Delivery, openWebhookSender, type WebhookSender } from '../helpers/webhook-sender.ts'

/** The response to every invalid delivery. */
export const REFUSED = {
  status: 401,
  body: { error: 'The delivery is not signed by fal, or its URL was not issued by this server.' },
}
export const TAKEN = { status: 200, body: { ok: true } }

/** fal's key, which no response may contain. */
export const SECRET = 'key-id:key-secret'

/** A job whose submit got no response, its webhook URL, and the delivery that fal would send. */
export interface LostSubmit {
  id: string
  requestId: string
  url: string
  delivery: Delivery
}

/** The webhook's route on a separate server and database, and the fal that sends to it. */
export interface WebhookRig {
  url: string
  server: Server
  sender: WebhookSender
  webhookUrls: ReturnType<typeof createWebhookUrls>
  /** Jobs whose relay was notified. */
  notifiedJobs: string[]
  errors: { error: unknown; stage: string }[]
  loseSubmit(): Promise<LostSubmit>
  read(jobId: string): Promise<Job>
  end(jobId: string): Promise<void>
  close(): Promise<void>
}

/** @param databaseUrl - another database for the handling of deliveries */
export async function openWebhookRig({ databaseUrl }: { databaseUrl?: string } = {}): Promise<WebhookRig> {
  const database = await createTestDatabase()
  const errors: WebhookRig['errors'] = []
  const notifiedJobs: string[] = []
  const onError = (error: unknown, { stage }: { stage: string }) => errors.push({ error, stage })
  const db = openDatabase({ url: database.url, onError })
  const takingDb: Database = databaseUrl === undefined ? db : openDatabase({ url: databaseUrl, onError: () => {} })
  const sender = await openWebhookSender()
  const signatures = openFalSignatures({ jwksUrl: sender.jwksUrl, onError })
  const { server, url } = await listen({ host: '127.0.0.1', port: 0 })
  const webhookUrls = createWebhookUrls({ publicUrl: url, secret: SECRET })
  const notifier = createNotifier()
  notifier.on('jobChanged', (jobId) => notifiedJobs.push(jobId))
  const memory = createMemoryBudget()
  const routes = webhookRoutes({
    verifySignature: signatures.verify,
    readRequestId: readDeliveredId,
    verifyUrl: webhookUrls.verify,
    handleDelivery: (delivery) => handleFalWebhook({ db: takingDb, notifier }, delivery),
    memory,
    onError,
  })
  serveRoutes(server, [routes], { basePath: '', onError })

  return {
    ...{ url, server, sender, webhookUrls, notifiedJobs, errors },
    loseSubmit: async () => {
      const settings = { imageUrl: 'https://example.com/a.png', motionBucketId: 127, condAug: 0.02, fps: 25 }
      const { id } = await db.job.create({
        data: { ownerId: 'local', model: 'fal-ai/stable-video', ...settings, submittingAt: new Date() },
      })
      const requestId = randomUUID()
      return { id, requestId, url: webhookUrls.toUrl(id), delivery: sender.prepare({ requestId }) }
    },
    read: (id) => db.job.findUniqueOrThrow({ where: { id } }),
    end: async (id) => {
      await db.job.update({ where: { id }, data: { status: 'FAILED' } })
    },
    close: async () => {
      signatures.close()
      await Promise.all([close(server), sender.close()])
      await Promise.all([db.$disconnect(), takingDb.$disconnect()])
      await database.drop()
    },
  }
}
