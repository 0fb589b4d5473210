import pg from 'pg'
import { DatabaseUnavailableError } from '../../errors.ts'
import { toConnectionOptions } from './connection-options.ts'
import { toDatabaseError } from './errors.ts'
import { PgClient } from './pg-client.ts'
import { prepareSession, readSchema } from './session.ts'

export interface PoolOptions {
  url: string
  /** The application_name of the connections, shown in pg_stat_activity. */
  name: string
  /** Connections at most. */
  connections: number
  /** How long a connection may take to open, and the queue to move, in milliseconds. Default: the URL's, else 2000. */
  connectMs?: number
  /** How long a statement may take, in milliseconds. Default 2200. */
  statementMs?: number
  /** An idle connection broke while the pool is open. Without a listener that ends the process. */
  onError(error: Error): void
}

/**
 * Together they answer a request within 5 s that finds Postgres behind a black hole, even in the middle of a
 * transaction. The slowest statement takes some milliseconds.
 */
const CONNECT_MS = 2_000
const STATEMENT_MS = 2_200
/** How long a caller waits in a queue that moves, as a multiple of `connectMs`. */
const MAX_WAIT_FACTOR = 5
/** The longest that a transaction takes to begin, in milliseconds: the queue, a connection, and two statements. */
export const LONGEST_BEGIN_MS = (MAX_WAIT_FACTOR + 1) * CONNECT_MS + 2 * STATEMENT_MS
/**
 * How long Postgres keeps a transaction open whose client is silent, in milliseconds. Behind a black hole Postgres does
 * not learn that the client has disconnected, and the job's next worker would wait for its locks.
 */
const IDLE_TRANSACTION_MS = 8_000

/** A pool that never reuses a connection on which a statement was left without an answer. */
export function createPool({ url, name, connections, onError, ...limits }: PoolOptions): pg.Pool {
  const session = { schema: readSchema(url), idle_in_transaction_session_timeout: String(IDLE_TRANSACTION_MS) }
  const { connectionTimeoutMillis = CONNECT_MS, ...options } = toConnectionOptions(url)
  const pool = new QueueingPool({
    application_name: name,
    max: connections,
    keepAlive: true,
    query_timeout: limits.statementMs ?? STATEMENT_MS,
    connectMs: limits.connectMs ?? connectionTimeoutMillis,
    ...options,
    onConnect: (client) => prepareSession(client, session),
  })
  // During shutdown either side may close the connection.
  pool.on('error', (error) => {
    if (!pool.ending) onError(error)
  })
  return pool
}

/**
 * pg's pool, with a queue that lasts as long as it moves. pg refuses a caller that has waited for as long as a
 * connection may take to open, and with it the end of a burst that a healthy database serves as fast as it can. Here a
 * caller is refused when Postgres has not answered for that long, or after five times as long. Its place in pg's queue
 * stays, and costs later callers one release each.
 */
class QueueingPool extends pg.Pool {
  readonly #connectMs: number
  /** When Postgres last answered, by `performance.now()`. */
  #answeredAt = 0

  constructor({ connectMs, ...options }: pg.PoolConfig & { connectMs: number }) {
    super({
      ...options,
      connectionTimeoutMillis: MAX_WAIT_FACTOR * connectMs,
      Client: class extends PgClient {
        constructor() {
          super({ ...options, connectionTimeoutMillis: connectMs })
        }
      },
    })
    this.#connectMs = connectMs
    this.on('connect', () => {
      this.#answeredAt = performance.now()
    })
    this.on('release', (error: unknown, client) => {
      if (!(error instanceof DatabaseUnavailableError) && isIdle(client)) this.#answeredAt = performance.now()
      // pg abandons a statement that timed out, and every later one on its connection would wait for the same answer.
      // Ended here, the connection is not reused.
      if (!isIdle(client)) void client.end()
    })
  }

  override connect(): Promise<pg.PoolClient>
  override connect(callback: ConnectCallback): void
  override connect(callback?: ConnectCallback): Promise<pg.PoolClient> | undefined {
    const connecting = this.#connect()
    if (!callback) return connecting
    connecting.then(
      (client) => callback(undefined, client, client.release),
      (error) => callback(error, undefined, () => {}),
    )
    return undefined
  }

  async #connect(): Promise<pg.PoolClient> {
    const connecting = super.connect()
    const stall = Promise.withResolvers<never>()
    const since = performance.now()
    let timer: NodeJS.Timeout | undefined
    const check = () => {
      const leftMs = Math.max(since, this.#answeredAt) + this.#connectMs - performance.now()
      if (leftMs > 0) timer = setTimeout(check, leftMs)
      else stall.reject(new DatabaseUnavailableError('no connection became free in time'))
    }
    if (this.waitingCount > this.idleCount) check()
    try {
      return await Promise.race([connecting, stall.promise])
    } catch (error) {
      connecting.then(
        (late) => late.release(),
        () => {}, // Reported by the throw below, or no longer of interest.
      )
      throw toDatabaseError(error)
    } finally {
      clearTimeout(timer)
    }
  }
}

type ConnectCallback = Parameters<pg.Pool['connect']>[0]

function isIdle(client: pg.PoolClient): boolean {
  return !('readyForQuery' in client) || client.readyForQuery === true
}
