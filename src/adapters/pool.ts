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

/** Settings of every connection that is pooled, whoever pools it. */
export function toConnectionSettings({ url, name, connections }: PoolOptions) {
  return {
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
  } satisfies pg.PoolConfig
}

/** A pool that gives no connection out again on which a statement was left without an answer. */
export function createPool(options: PoolOptions): pg.Pool {
  const pool = new pg.Pool(toConnectionSettings(options))
  pool.on('release', (_error, client) => {
    // pg gives the statement up and leaves the connection waiting for its answer, which everything after would wait for
    // too. Ending it now lets the pool see it when it decides whether to keep it.
    if (!isIdle(client)) void client.end()
  })
  return pool
}

function isIdle(client: pg.PoolClient): boolean {
  return !('readyForQuery' in client) || client.readyForQuery === true
}
