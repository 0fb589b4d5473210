import { createFal } from '../../src/adapters/fal/client.ts'
import { type Database, openDatabase } from '../../src/adapters/postgres/client.ts'
import { openQueue, type Queue } from '../../src/adapters/queue.ts'
import { type ClaimedJobs, createClaimedJobs } from '../../src/jobs/claimed-jobs.ts'
import { createCircuitBreaker } from '../../src/relay/circuit-breaker.ts'
import type { ClaimContext, RelayDeps } from '../../src/relay/claim-context.ts'
import { createWakeUp } from '../../src/relay/wake-up.ts'
import { createNotifier } from '../../src/updates/notifier.ts'
import { createUpdateLog, type UpdateLog } from '../../src/updates/update-log.ts'
import { type FaultProxy, startFaultProxy } from '../helpers/fault-proxy.ts'
import { createTestDatabase } from '../helpers/postgres.ts'

/** The relay's dependencies without a worker: the test claims jobs itself. */
export interface RelayRig {
  /** The database itself. */
  url: string
  /** The proxy between the relay and Postgres. */
  postgres: FaultProxy
  db: Database
  queue: Queue
  log: UpdateLog
  jobs: ClaimedJobs
  /** A job whose task is claimed. */
  claimJob(columns?: { status?: 'CANCELING'; submittingAt?: Date }): Promise<{ id: string; context: ClaimContext }>
  /** The dependencies of a relay, with fal at this URL. */
  toDeps(falUrl: string): RelayDeps
  close(): Promise<void>
}

export async function openRelayRig(): Promise<RelayRig> {
  const onError = () => {}
  const database = await createTestDatabase()
  const postgres = await startFaultProxy({ port: Number(new URL(database.url).port) })
  const proxied = postgres.through(database.url)
  const db = openDatabase({ url: proxied, onError })
  const queue = await openQueue({ url: proxied, onError })
  const notifier = createNotifier()
  const log = createUpdateLog({ db, notifier })
  const jobs = createClaimedJobs({ db, queue, log, notifier })
  return {
    url: database.url,
    postgres,
    db,
    queue,
    log,
    jobs,
    claimJob: async (columns = {}) => {
      const settings = { imageUrl: 'https://example.com/a.png', motionBucketId: 127, condAug: 0.02, fps: 25 }
      const { id } = await db.job.create({
        data: { ownerId: 'local', model: 'fal-ai/stable-video', ...settings, ...columns },
      })
      await db.$transaction((tx) => queue.enqueue(tx, id))
      // A test that left its task behind may have it back in the queue.
      const claim = (await queue.claim(20)).find(({ jobId }) => jobId === id)
      if (!claim) throw new Error('the task was not claimed')
      await jobs.recordClaims([claim])
      return { id, context: { claim, wakeUp: createWakeUp(), signal: new AbortController().signal } }
    },
    toDeps: (falUrl) => ({
      jobs,
      log,
      fal: createFal({ queueUrl: falUrl, restUrl: falUrl, mediaHosts: [] }),
      breaker: createCircuitBreaker({ random: () => 0, probe: async () => {}, onPause: () => {}, onResume: () => {} }),
      webhookUrl: null,
      adoptionMs: 900_000,
      notifier,
      random: () => 0,
      onError,
    }),
    close: async () => {
      await queue.stop()
      await db.$disconnect()
      await postgres.stop()
      await database.drop()
    },
  }
}
