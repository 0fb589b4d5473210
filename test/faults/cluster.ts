import { type FaultProxy, startFaultProxy } from '../helpers/fault-proxy.ts'
import { findFreePort } from '../helpers/free-port.ts'
import { createTestDatabase } from '../helpers/postgres.ts'
import { type ServerProcess, startServerProcess } from '../helpers/server-process.ts'
import type { FakeFal } from './fake-fal.ts'

/** One server of a cluster, as a process of its own with a way of its own to Postgres. */
export interface Member {
  readonly url: string
  readonly pid: number
  /** Stands between this server and Postgres. */
  readonly postgres: FaultProxy
  /** Stands between this server and fal's queue. */
  readonly fal: FaultProxy
  /** What it printed, over all its lives. */
  output(): string
  signal(signal: NodeJS.Signals): void
  /** Ends it by a signal, and answers how it ended. */
  end(signal: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  /** Starts it again at the same address. */
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
  /** A database in place of one of this cluster's own. */
  databaseUrl?: string
  environment?: Record<string, string>
}

/** Starts servers on one database and one fal. */
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
      // One that was stopped does not hear of anything but this.
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
