import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  chown,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { StartError } from '../../errors.ts'
import { type Account, isOurs, type PostgresBinaries, toExecutable, toPostgresEnvironment } from './binaries.ts'

const run = promisify(execFile)

/** After this time the initialisation of a cluster must have died, and its draft is removed. */
const DRAFT_LIFETIME_MS = 10 * 60_000

/** A data directory with its password and the account that Postgres runs as. */
export interface Cluster {
  /** The real path of the data directory, whose name ends with the major version: `…/postgres-17`. */
  directory: string
  password: string
  account: Account
  binaries: PostgresBinaries
}

/**
 * Opens the cluster in `<dataDir>/postgres-<major>`, which is created if it is missing. A new cluster gets its name
 * only when it is complete: a process that dies half-way leaves nothing in the way of the next one, and of two
 * processes that create it at once, one wins.
 * @throws StartError when the directory is not a cluster, or belongs to another user.
 */
export async function openCluster(
  { account, binaries }: { account: Account; binaries: PostgresBinaries },
  { dataDir, durable, signal }: { dataDir: string; durable: boolean; signal: AbortSignal | undefined },
): Promise<Cluster> {
  const home = await chooseHome(resolve(dataDir), account)
  const directory = join(home, `postgres-${binaries.major}`)
  await checkOwner(directory, account)
  if (!(await exists(join(directory, 'PG_VERSION')))) {
    await createCluster(directory, { account, binaries, durable, signal })
  }
  const password = await readFile(join(directory, 'reelay.password'), 'utf8').catch((cause: unknown) => {
    throw new StartError(
      `${directory} was not created by this program (it has no reelay.password): move it away, or set DATABASE_URL.`,
      { cause },
    )
  })
  return { directory, password, account, binaries }
}

/** The file of the server's output, emptied at each start. */
export function toLogPath(cluster: Cluster): string {
  return join(cluster.directory, 'reelay.log')
}

/** The directory itself, or one of a stable name in /var/tmp when the account cannot enter it. */
async function chooseHome(dataDir: string, account: Account): Promise<string> {
  await mkdir(dataDir, { recursive: true }).catch((cause: unknown) => {
    const message = `the data directory ${dataDir} cannot be created: choose another one, or set DATABASE_URL.`
    throw new StartError(message, { cause })
  })
  const home = await realpath(dataDir)
  if (await canEnter(home, account)) return home

  const name = createHash('sha256').update(home).digest('hex').slice(0, 16)
  const fallback = join('/var/tmp', `reelay-${name}`)
  await mkdir(fallback, { mode: 0o755 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error // it exists, from an earlier start or of another user: checked next
  })
  if (await isOurs(fallback)) return await realpath(fallback)
  throw new StartError(`${fallback} belongs to another user, and Postgres cannot enter ${home}: set DATABASE_URL.`)
}

/** Whether the account may pass through every directory down to this one. spawn drops its supplementary groups. */
async function canEnter(directory: string, { uid, gid }: Account): Promise<boolean> {
  if (uid === undefined) return true
  for (let at = directory; ; at = dirname(at)) {
    const found = await stat(at)
    const bit = found.uid === uid ? 0o100 : found.gid === gid ? 0o010 : 0o001
    if ((found.mode & bit) === 0) return false
    if (at === dirname(at)) return true
  }
}

/** Refuses a cluster of another user, as Postgres would later. */
async function checkOwner(directory: string, account: Account): Promise<void> {
  const owner = (await stat(directory).catch(() => null))?.uid
  const expected = account.uid ?? process.getuid?.()
  if (owner === undefined || expected === undefined || owner === expected) return
  throw new StartError(
    `${directory} belongs to the user with id ${owner}, but Postgres would run as ${expected}: start as the user who made it, remove it, or set DATABASE_URL.`,
  )
}

async function createCluster(
  directory: string,
  options: { account: Account; binaries: PostgresBinaries; durable: boolean; signal: AbortSignal | undefined },
): Promise<void> {
  const { account, binaries, durable, signal } = options
  let draft = ''
  try {
    await removeOldDrafts(directory)
    draft = await mkdtemp(`${directory}.new-`)
    const passwordPath = join(draft, 'password')
    const data = join(draft, 'data')
    await writeFile(passwordPath, randomBytes(24).toString('base64url'), { mode: 0o600 })
    if (account.uid !== undefined && account.gid !== undefined) {
      await chown(passwordPath, account.uid, account.gid)
      await chown(draft, account.uid, account.gid)
    }
    const words = ['-D', data, '-U', 'postgres', '--auth=scram-sha-256', `--pwfile=${passwordPath}`]
    words.push('--encoding=UTF8', '--locale=C', '--no-instructions', ...(durable ? [] : ['--no-sync']))
    await run(toExecutable(binaries, 'initdb'), words, {
      ...account,
      ...(signal && { signal }),
      cwd: '/',
      env: toPostgresEnvironment(),
      timeout: 120_000,
    })
    await rename(passwordPath, join(data, 'reelay.password'))
    await rename(data, directory)
  } catch (cause) {
    signal?.throwIfAborted()
    // Renaming onto a directory that is not empty fails: another process created the cluster first, which is as good.
    if (await exists(join(directory, 'PG_VERSION'))) return
    const detail = (cause as { stderr?: string }).stderr?.trim() || String(cause)
    throw new StartError(
      `a Postgres cluster could not be created in ${directory}: ${detail}. Fix that, empty the directory, or set DATABASE_URL.`,
      { cause },
    )
  } finally {
    if (draft) await rm(draft, { recursive: true, force: true })
  }
}

async function removeOldDrafts(directory: string): Promise<void> {
  const prefix = `${basename(directory)}.new-`
  for (const name of await readdir(dirname(directory))) {
    if (!name.startsWith(prefix)) continue
    const path = join(dirname(directory), name)
    const found = await stat(path).catch(() => null) // another process may have finished and removed it
    if (found && Date.now() - found.mtimeMs > DRAFT_LIFETIME_MS) await rm(path, { recursive: true, force: true })
  }
}

/**
 * The content of postmaster.pid. `stranger`: the file names no process, or one that is not this cluster's server, such
 * as one that got the id of a dead server; this keeps Postgres from starting. A file that names a dead process is
 * `none`: Postgres replaces it.
 */
export type Postmaster =
  | { kind: 'none' }
  | { kind: 'server'; pid: number; port: number; isReady: boolean }
  | { kind: 'stranger'; text: string; ageMs: number }

/** @see https://www.postgresql.org/docs/current/storage-file-layout.html (postmaster.pid) */
export async function readPostmaster(cluster: Cluster): Promise<Postmaster> {
  const path = join(cluster.directory, 'postmaster.pid')
  const [text, found] = await Promise.all([readFile(path, 'utf8'), stat(path)]).catch(() => [null, null] as const)
  if (text === null) return { kind: 'none' }
  const lines = text.split('\n')
  const pid = Number(lines[0]) || 0
  if (pid > 0 && !isAlive(pid)) return { kind: 'none' }
  if (pid === 0 || !(await isServerOf(cluster, pid))) {
    return { kind: 'stranger', text, ageMs: Date.now() - found.mtimeMs }
  }
  return { kind: 'server', pid, port: Number(lines[3]) || 0, isReady: lines[7]?.trim() === 'ready' }
}

/** A process of another user counts as dead: Postgres too treats its id as reused. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** A Postgres server has its data directory as its working directory, and ours also names it on its command line. */
async function isServerOf(cluster: Cluster, pid: number): Promise<boolean> {
  if (process.platform === 'win32') return true // no cheap check: the caller connects to it
  if (process.platform === 'linux') {
    return (await readlink(`/proc/${pid}/cwd`).catch(() => null)) === cluster.directory
  }
  const { stdout } = await run('ps', ['-p', String(pid), '-o', 'command=']).catch(() => ({ stdout: '' }))
  return stdout.includes(cluster.directory)
}

/** Removes a postmaster.pid that is a stranger's, provided that it still has this text. */
export async function removeStalePidFile(cluster: Cluster, text: string): Promise<void> {
  const path = join(cluster.directory, 'postmaster.pid')
  const aside = `${path}.stale-${randomBytes(4).toString('hex')}`
  try {
    await rename(path, aside)
    // A server may have started meanwhile. It gets its file back before its next check, which comes once a minute.
    if ((await readFile(aside, 'utf8')) !== text) await link(aside, path)
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error // another process did it
  }
  await rm(aside, { force: true })
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null
}
