import { readFile } from 'node:fs/promises'
import { buildStudio } from '../../src/adapters/studio-build.ts'
import { request } from '../helpers/graphql-client.ts'
import { createTestDatabase } from '../helpers/postgres.ts'
import { type ServerProcess, startServerProcess } from '../helpers/server-process.ts'
import { until } from '../helpers/until.ts'
import { type Bystander, type BystanderReport, startBystander } from './bystander.ts'
import { type HostileFal, LONG_IMAGE_URL, startHostileFal } from './fal.ts'
import type { World } from './values.ts'

/** What the server may take, in MB: an instance of this size is a small one. */
export const MAX_MEMORY_MB = 700
/** What of it is left to V8's old objects, in MB: buffers, code and the young ones need the rest. */
const MAX_HEAP_MB = 400
/** What may be left of a run on the heap, in bytes: caches that are bounded, filled to the brim. */
const MAX_HEAP_GROWTH_BYTES = 40 * 1024 * 1024
const MAX_FILES_GROWTH = 20
/** How long what a run left behind may take to go, in milliseconds: two ping intervals and a scrape. */
const SETTLE_MS = 60_000

/** Figures of the server's process. */
export interface Figures {
  heapMb: number
  rssMb: number
  /** The most memory that it ever took; of now where the system does not tell. */
  peakRssMb: number
  openFiles: number
  cpuSeconds: number
  subscriptions: number
}

/** The real server in production mode with little memory, in front of a fal on the loopback. */
export interface HostileRig {
  url: string
  port: number
  /** What clients give as Host. */
  host: string
  databaseUrl: string
  /** Must not be in any answer or log line. */
  secrets: string[]
  world: World
  fal: HostileFal
  output(): string
  readonly hasExited: boolean
  figures(): Promise<Figures>
  /** Watches the job that runs until `fal.finish`. */
  startBystander(): Promise<Bystander>
  stop(): Promise<void>
}

export async function openHostileRig(environment: Record<string, string> = {}): Promise<HostileRig> {
  // In production the page is built before: it is one of the routes.
  const [database, fal] = await Promise.all([createTestDatabase(), startHostileFal(), buildStudio()])
  const falKey = 'planted-fal-key-7e1f:c0ffee0123456789'
  let server: ServerProcess | null = null
  const stop = async () => {
    await server?.end('SIGKILL')
    await Promise.all([fal.stop(), database.drop()])
  }
  try {
    server = await startServerProcess(
      {
        NODE_ENV: 'production',
        NODE_OPTIONS: `--max-old-space-size=${MAX_HEAP_MB}`,
        DATABASE_URL: database.url,
        FAL_KEY: falKey,
        FAL_QUEUE_URL: fal.url,
        FAL_REST_URL: fal.url,
        // Nothing is signed here, so the keys must not be requested.
        FAL_JWKS_URL: `${fal.url}/jwks`,
        PUBLIC_URL: 'https://video.example.com',
        ALLOWED_ORIGINS: 'https://app.example.com',
        ...environment,
      },
      { inspect: true },
    )
    const running = server
    const { url } = running
    const known = await Promise.all([1, 2, 3].map(() => generate(url, 'https://example.com/rocket.png')))
    return {
      url,
      port: Number(new URL(url).port),
      host: new URL(url).host,
      databaseUrl: database.url,
      secrets: [falKey, decodeURIComponent(new URL(database.url).password), Buffer.from(falKey).toString('base64')],
      world: { jobIds: known.map(({ id }) => id), cursors: known.map(({ cursor }) => cursor) },
      fal,
      output: running.output,
      get hasExited() {
        return running.process.exitCode !== null || running.process.signalCode !== null
      },
      figures: () => readFigures(running),
      startBystander: async () => await startBystander({ url, jobId: (await generate(url, LONG_IMAGE_URL)).id }),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function generate(url: string, imageUrl: string): Promise<{ id: string; cursor: string }> {
  const mutation = `mutation { generateVideo(input: { imageUrl: "${imageUrl}" }) { ... on GenerateVideoSuccess { job { id cursor } } } }`
  const { data } = await request<{ generateVideo: { job: { id: string; cursor: string } } }>(url, mutation)
  return data.generateVideo.job
}

async function readFigures(server: ServerProcess): Promise<Figures> {
  const [heap, text] = [await server.heapUsed(), await (await fetch(`${server.url}/metrics`)).text()]
  const gauge = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN)
  const rss = gauge('process_resident_memory_bytes')
  const status = await readFile(`/proc/${server.process.pid}/status`, 'utf8').catch(() => '')
  const peak = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? rss / 1024) * 1024
  const toMb = (bytes: number) => Math.round(bytes / 1024 / 1024)
  return {
    heapMb: toMb(heap),
    rssMb: toMb(rss),
    peakRssMb: toMb(peak),
    openFiles: gauge('process_open_fds') || 0,
    cpuSeconds: Math.round(gauge('process_cpu_seconds_total')),
    subscriptions: gauge('reelay_subscriptions'),
  }
}

/** Waits until nothing is left of a run, and returns the final figures. @throws Error with the figures when it stays */
export async function settle(rig: HostileRig, before: Figures): Promise<Figures> {
  let now = before
  await until(
    async () => {
      now = await rig.figures()
      return (
        now.subscriptions <= before.subscriptions &&
        now.openFiles <= before.openFiles + MAX_FILES_GROWTH &&
        now.heapMb <= before.heapMb + MAX_HEAP_GROWTH_BYTES / 1024 / 1024
      )
    },
    { timeoutMs: SETTLE_MS, everyMs: 500, what: 'the server to be as before' },
  ).catch((error: unknown) => {
    throw new Error(`${JSON.stringify(before)} became ${JSON.stringify(now)}`, { cause: error })
  })
  return now
}

/** What differs from the expected responses of an uninvolved client; empty when nothing does. */
export function judgeBystander(report: BystanderReport, { maxWaitMs }: { maxWaitMs: number }): string[] {
  const found = report.failures.slice(0, 3)
  const waited = report.slowestMs - report.ownDelayMs
  if (waited > maxWaitMs) found.push(`a cheap query took ${Math.round(report.slowestMs)} ms`)
  if (report.refused > report.queries / 100)
    found.push(`${report.refused} of ${report.queries} cheap queries were refused`)
  const gaps = report.sequences.filter((sequence, n) => n > 0 && sequence !== (report.sequences[n - 1] ?? 0) + 1)
  if (gaps.length > 0) found.push(`updates are missing before ${gaps.join(', ')}`)
  if (report.lastStatus !== 'SUCCEEDED') found.push(`the watched job ended as ${report.lastStatus || 'nothing'}`)
  return found
}
