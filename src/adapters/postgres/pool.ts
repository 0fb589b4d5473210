import pg from 'pg'
import { toConnectionOptions } from './connection-options.ts'
import { prepareSession, readSchema } from './session.ts'

export interface PoolOptions {
  url: string
  /** Shown by Postgres as whose connection it is. */
  name: string
  /** Connections at most. */
  connections: number
  /** A connection broke that nobody was using, while the pool is open: without a listener that ends the process. */
  onError(error: Error): void
}

/**
 * How long a connection may take to be had, and how long a statement to answer, in milliseconds: a request that finds
 * Postgres behind a black hole, in the middle of a transaction even, is answered within 5 s. The longest of the statements
 * takes some milliseconds.
 */
const CONNECT_MS = 2_000
const STATEMENT_MS = 2_200
/** How long a caller waits in a line that moves, in times of the pool's `connectionTimeoutMillis`. */
const LONGEST_WAIT = 5
/** The longest that a transaction takes to begin, in milliseconds: its turn, a connection, and two statements. */
export const LONGEST_BEGIN_MS = (LONGEST_WAIT + 1) * CONNECT_MS + 2 * STATEMENT_MS
/**
 * How long Postgres leaves a transaction open whose client says nothing, in milliseconds. Behind a black hole it does not
 * hear that the client has gone, and who takes the client's work over would wait for its locks.
 */
const IDLE_TRANSACTION_MS = 8_000

/** A pool that gives no connection out again on which a statement was left without an answer. */
export function createPool({ url, name, connections, onError }: PoolOptions): pg.Pool {
  const session = { schema: readSchema(url), idle_in_transaction_session_timeout: String(IDLE_TRANSACTION_MS) }
  const pool = new PatientPool({
    application_name: name,
    max: connections,
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: STATEMENT_MS,
    ...toConnectionOptions(url),
    onConnect: (client) => prepareSession(client, session),
  })
  // One that is being closed may as well be closed by the other side.
  pool.on('error', (error) => {
    if (!pool.ending) onError(error)
  })
  return pool
}

/**
 * pg's pool with a line of its own. pg refuses whoever has waited for `connectionTimeoutMillis`, and so a burst of callers
 * that a healthy database serves as fast as it can. Here they wait as long as somebody is served within that time, and
 * `LONGEST_WAIT` times as long at most: what nobody waits for any more must not be in the way of the others.
 */
class PatientPool extends pg.Pool {
  /** First come, first served. */
  readonly #line = new Set<PromiseWithResolvers<void>>()
  /** pg also lets go of clients that nobody was given, such as one that connected too late. */
  readonly #given = new Set<pg.PoolClient>()
  #free: number
  #stall: NodeJS.Timeout | undefined

  constructor(options: pg.PoolConfig & { max: number }) {
    super(options)
    this.#free = options.max
    this.on('release', (error: unknown, client) => {
      const isServed = error ? error instanceof pg.DatabaseError : isIdle(client)
      // pg gives the statement up and leaves the connection waiting for its answer, which everything after would wait for
      // too. Ending it now lets the pool see it when it decides whether to keep it.
      if (!isIdle(client)) void client.end()
      if (!this.#given.delete(client)) return
      this.#leave()
      if (isServed) this.#watch()
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
    if (this.#free > 0) this.#free--
    else await this.#wait()
    try {
      const client = await super.connect()
      this.#given.add(client)
      return client
    } catch (error) {
      this.#leave()
      throw error
    }
  }

  async #wait(): Promise<void> {
    const turn = Promise.withResolvers<void>()
    this.#line.add(turn)
    if (this.#line.size === 1) this.#watch()
    const timer = setTimeout(() => this.#refuse(turn), LONGEST_WAIT * this.#timeoutMs)
    try {
      await turn.promise
    } finally {
      clearTimeout(timer)
    }
  }

  /** A place is free: a client came back, or could not be had. */
  #leave(): void {
    const [next] = this.#line
    if (!next) {
      this.#free++
      return
    }
    this.#remove(next)
    next.resolve()
  }

  /** From now on, somebody has to be served in time. */
  #watch(): void {
    clearTimeout(this.#stall)
    if (this.#line.size === 0) return
    this.#stall = setTimeout(() => {
      for (const turn of this.#line) this.#refuse(turn)
    }, this.#timeoutMs)
  }

  #refuse(turn: PromiseWithResolvers<void>): void {
    this.#remove(turn)
    turn.reject(new Error('timeout exceeded when trying to connect'))
  }

  #remove(turn: PromiseWithResolvers<void>): void {
    this.#line.delete(turn)
    if (this.#line.size === 0) clearTimeout(this.#stall)
  }

  get #timeoutMs(): number {
    return this.options.connectionTimeoutMillis ?? CONNECT_MS
  }
}

type ConnectCallback = Parameters<pg.Pool['connect']>[0]

function isIdle(client: pg.PoolClient): boolean {
  return !('readyForQuery' in client) || client.readyForQuery === true
}
