import { parseArgs } from 'node:util'
import { openSandbox } from '../sandbox/sandbox.ts'
import { openEmbeddedPostgres } from '../src/adapters/embedded-postgres/server.ts'
import { makeTemporaryDirectory } from '../test/helpers/directories.ts'
import { request, subscribe } from '../test/helpers/graphql-client.ts'
import { type ServerProcess, startServerProcess } from '../test/helpers/server-process.ts'

/**
 * Measures the time from the write of an update to its arrival at a subscriber of another instance: one process relays,
 * another serves. Prints one line of JSON, with milliseconds since the update's `at` (the database's clock, on this
 * machine).
 */
const { values } = parseArgs({ options: { jobs: { type: 'string', default: '50' }, redis: { type: 'string' } } })
const jobs = Number(values.jobs)

const directory = await makeTemporaryDirectory('reelay-bench')
const postgres = await openEmbeddedPostgres({ dataDir: directory.path })
const sandbox = await openSandbox({ dataDir: `${directory.path}/sandbox`, stepMs: 40, slots: jobs })
const environment = {
  DATABASE_URL: postgres.url,
  FAL_KEY: 'bench',
  FAL_QUEUE_URL: sandbox.url,
  FAL_REST_URL: sandbox.url,
  ...(values.redis && { REDIS_URL: values.redis }),
}
const servers: ServerProcess[] = []
try {
  servers.push(await startServerProcess({ ...environment, ROLES: 'worker' }))
  const api = await startServerProcess({ ...environment, ROLES: 'api' })
  servers.push(api)
  const delays = (await Promise.all(Array.from({ length: jobs }, (_, n) => watchOne(api.url, n)))).flat()
  delays.sort((a, b) => a - b)
  const at = (share: number) => delays[Math.floor((delays.length - 1) * share)]
  const bus = values.redis ? 'redis' : 'postgres'
  const figures = { updates: delays.length, medianMs: at(0.5), p95Ms: at(0.95), mostMs: at(1) }
  process.stdout.write(`${JSON.stringify({ scenario: 'instances', bus, jobs, ...figures })}\n`)
} finally {
  for (const server of servers) await server.end('SIGTERM')
  await sandbox.close()
  await postgres.stop()
  await directory.remove()
}
process.exit()

async function watchOne(url: string, n: number): Promise<number[]> {
  const { data } = await request<{ generateVideo: { job: { id: string } } }>(
    url,
    'mutation ($input: GenerateVideoInput!) { generateVideo(input: $input) { ... on GenerateVideoSuccess { job { id } } } }',
    { input: { imageUrl: `https://example.com/${n}.png` } },
  )
  const delays: number[] = []
  const updates = subscribe<{ jobProgress: { at: string; sequence: number } }>(
    url,
    'subscription ($id: ID!) { jobProgress(id: $id) { at sequence } }',
    { id: data.generateVideo.job.id },
  )
  let first = true
  for await (const { data: event } of updates) {
    // The first one is the current state, not a new update.
    if (!first && event) delays.push(Date.now() - Date.parse(event.jobProgress.at))
    first = false
  }
  return delays
}
