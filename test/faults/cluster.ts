import { type FaultProxy, startFaultProxy } from '../helpers/fault-proxy.ts'
import { findFreePort } from '../helpers/free-port.ts'
import { createTestDatabase } from '../helpers/postgres.ts'
import { type ServerProcess, startServerProcess } from '../helpers/server-process.ts'
import type { FakeFal } from './fake-fal.ts'

/** One server of a cluster: a separate process with its own proxy to Postgres. */
export interface Member {
  readonly url: string
  readonly pid: number
  /** The proxy between this server and Postgres. */
  readonly postgres: FaultProxy
  /** The proxy between this server and fal's queue. */
  readonly fal: FaultProxy
  /** Its output, over all restarts. */
  output(): string
  signal(signal: NodeJS.Signals): void
  /** Ends the process by a signal, and resolves to its exit code and signal. */
  end(signal: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  /** Restarts the process at the same address. */
  start(): Promise<void>
}

export interface Cluster {
  databaseUrl: string
  members: Member[]
  stop(): Promise<void>
}

export interface ClusterOptions {
  /** The roles of each member. */
  roles: string[]
  fal: FakeFal
  /** An existing database, instead of a new one. */
  databaseUrl?: string
  environment?: Record<string, string>
}

/** Starts servers that share one database and one fal. */
export async function startCluster({ roles, fal, databaseUrl, environment = {} }: ClusterOptions): Promise<Cluster> {
  const database = databaseUrl === undefined ? await createTestDatabase() : null
  const url = databaseUrl ?? database?.url ?? ''
  const shared = {
    FAL_KEY: 'fal-key-of-the-rig',
    FAL_REST_URL: fal.url,
    FAL_JWKS_URL: fal.jwksUrl,
    ...environment,
  }
  const started = await Promise.allSettled(
    roles.map((ROLES) => startMember({ databaseUrl: url, falUrl: fal.url }, { ...shared, ROLES })),
  )
  const members = started.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []))
  async function stop(): Promise<void> {
    await Promise.all(members.map((member) => member.end('SIGKILL')))
    await Promise.all(members.flatMap(({ postgres, fal }) => [postgres.stop(), fal.stop()]))
    await database?.drop()
  }
  const failed = started.find((start) => start.status === 'rejected')
  if (failed) {
    await stop()
    throw failed.reason
  }
  return { databaseUrl: url, members, stop }
}

async function startMember(
  { databaseUrl, falUrl }: { databaseUrl: string; falUrl: string },
  environment: Record<string, string>,
): Promise<Member> {
  const [postgres, fal] = await Promise.all(
    [databaseUrl, falUrl].map((target) => startFaultProxy({ port: Number(new URL(target).port) })),
  )
  if (!postgres || !fal) throw new Error('the proxies did not start')
  const port = String(await findFreePort())
  const url = `http://127.0.0.1:${port}`
  const settings = {
    ...environment,
    PORT: port,
    DATABASE_URL: postgres.through(databaseUrl),
    FAL_QUEUE_URL: fal.through(falUrl),
  }
  let server: ServerProcess | null = await startServerProcess(settings)
  let earlier = ''
  return {
    url,
    get pid() {
      return server?.process.pid ?? 0
    },
    postgres,
    fal,
    output: () => earlier + (server?.output() ?? ''),
    signal: (signal) => void server?.process.kill(signal),
    end: async (signal) => {
      if (!server) return { code: null, signal: null }
      const ended = server
      server = null
      // A process stopped by SIGSTOP reacts to no other signal.
      if (signal === 'SIGKILL') ended.process.kill('SIGCONT')
      const how = await ended.end(signal)
      earlier += ended.output()
      return how
    },
    start: async () => {
      server = await startServerProcess(settings)
    },
  }
}
