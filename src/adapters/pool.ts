import pg from 'pg'

export interface PoolOptions {
  url: string
  /** Shown by Postgres as whose connection it is. */
  name: string
  /** Connections at most. */
  connections: number
}

/**
 * How long a connection may take to be had, and how long a statement to answer, in milliseconds: a request that finds
 * Postgres behind a black hole, in the middle of a transaction even, is answered within 5 s. The longest of the statements
 * takes some milliseconds.
 */
const CONNECT_MS = 2_000
const STATEMENT_MS = 2_200
/**
 * How long Postgres leaves a transaction open whose client says nothing, in milliseconds. Behind a black hole it does not
 * hear that the client has gone, and who takes the client's work over would wait for its locks.
 */
const IDLE_TRANSACTION_MS = 8_000

/** A pool that gives no connection out again on which a statement was left without an answer. */
export function createPool({ url, name, connections }: PoolOptions): pg.Pool {
  return new PatientPool({
    connectionString: url,
    application_name: name,
    max: connections,
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: STATEMENT_MS,
    // As a statement: poolers in between know few settings of connections.
    onConnect: async (client) => {
      await client.query(`SET idle_in_transaction_session_timeout = ${IDLE_TRANSACTION_MS}`)
    },
  })
}

/**
 * pg's pool with a line that is as patient as it moves. pg's own refuses whoever has waited for `connectionTimeoutMillis`,
 * so a burst of callers is refused by a database that serves them as fast as it can; here that time is how long nobody may
 * be served before all who wait are refused.
 */
class PatientPool extends pg.Pool {
  readonly #line: PromiseWithResolvers<void>[] = []
  #free: number
  #stall: NodeJS.Timeout | undefined

  constructor(options: pg.PoolConfig & { max: number }) {
    super(options)
    this.#free = options.max
    this.on('release', (_error, client) => {
      if (isIdle(client)) this.#stall?.refresh()
      // pg gives the statement up and leaves the connection waiting for its answer, which everything after would wait for
      // too. Ending it now lets the pool see it when it decides whether to keep it.
      else void client.end()
      this.#leave()
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
      return await super.connect()
    } catch (error) {
      this.#leave()
      throw error
    }
  }

  #wait(): Promise<void> {
    const turn = Promise.withResolvers<void>()
    this.#line.push(turn)
    this.#stall ??= setTimeout(() => {
      this.#stall = undefined
      for (const { reject } of this.#line.splice(0)) reject(new Error('timeout exceeded when trying to connect'))
    }, this.options.connectionTimeoutMillis)
    return turn.promise
  }

  #leave(): void {
    const next = this.#line.shift()
    if (next) next.resolve()
    else this.#free++
    if (this.#line.length > 0) return
    clearTimeout(this.#stall)
    this.#stall = undefined
  }
}

type ConnectCallback = Parameters<pg.Pool['connect']>[0]

function isIdle(client: pg.PoolClient): boolean {
  return !('readyForQuery' in client) || client.readyForQuery === true
}
