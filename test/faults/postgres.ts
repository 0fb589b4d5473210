import pg from 'pg'
import type { TestContext } from 'vitest'
import { type EmbeddedPostgres, openEmbeddedPostgres } from '../../src/adapters/embedded-postgres/server.ts'
import { makeTemporaryDirectory } from '../helpers/directories.ts'
import { until } from '../helpers/until.ts'
import type { Member } from './cluster.ts'

/** A separate Postgres, so that other tests' databases survive its outages. */
export interface OwnPostgres {
  /** The database's current URL. */
  readonly url: string
  /** Stops Postgres cleanly or by a crash, after which its next start recovers. */
  stop(how: 'fast' | 'crash'): Promise<void>
  /** Restarts Postgres, perhaps on another port, and points the members' proxies there. */
  start(members: readonly Member[]): Promise<void>
  /** Occupies all its connections once they are free. Resolves to a function that releases them. */
  useUp(): Promise<() => Promise<void>>
}

export async function openOwnPostgres({ onTestFinished }: TestContext): Promise<OwnPostgres> {
  const directory = await makeTemporaryDirectory('reelay-faults')
  onTestFinished(directory.remove)
  const open = (): Promise<EmbeddedPostgres> => openEmbeddedPostgres({ dataDir: directory.path })
  let server: EmbeddedPostgres = await open()
  onTestFinished(() => server.stop())

  async function connect(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: server.url })
    client.on('error', () => {}) // the server ends under it: that is what is wanted
    await client.connect()
    return client
  }

  return {
    get url() {
      return server.url
    },
    stop: async (how) => {
      if (how === 'crash') {
        const client = await connect()
        const { rows } = await client.query<{ pid: string }>(
          `SELECT split_part(pg_read_file('postmaster.pid'), chr(10), 1) AS pid`,
        )
        process.kill(Number(rows[0]?.pid), 'SIGQUIT')
        await client.end().catch(() => {})
      }
      await server.stop()
    },
    start: async (members) => {
      server = await open()
      const { port } = new URL(server.url)
      for (const { postgres } of members) postgres.target.port = Number(port)
    },
    useUp: async () => {
      const clients: pg.Client[] = []
      // A connection that was just cut frees its slot a moment later.
      await until(
        async () => {
          const client = await connect().catch(() => null)
          if (client) clients.push(client)
          const [first] = clients
          return !client && first && (await countBackends(first)) === clients.length
        },
        { what: 'every connection to be taken', timeoutMs: 30_000 },
      )
      return async () => {
        await Promise.all(clients.map((client) => client.end()))
      }
    },
  }
}

async function countBackends(client: pg.Client): Promise<number | undefined> {
  const { rows } = await client.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM pg_stat_activity WHERE backend_type = 'client backend'`,
  )
  return rows[0]?.count
}
