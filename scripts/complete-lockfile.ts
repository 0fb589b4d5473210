import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'

/**
 * Adds an entry with a hash to package-lock.json for every optional platform package: run
 * `node scripts/complete-lockfile.ts` after `npm install`. npm omits the entry, or its hash, when it did not fetch the
 * package, and `npm ci` rejects a lock file with a missing entry. A package that the registry does not serve has no hash to
 * verify a download: its name is removed, so that no machine installs it unverified.
 */
interface LockEntry {
  version?: string
  integrity?: string
  optionalDependencies?: Record<string, string>
  dev?: boolean
}

const file = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(await readFile(file, 'utf8')) as { packages: Record<string, LockEntry> }

for (const parent of Object.values(lock.packages))
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const path = `node_modules/${name}`
    const [, os, cpu, abi] = /-(android|darwin|linux|win32|freebsd)-(arm64|x64|arm|ia32)(?:-(\w+))?$/.exec(name) ?? []
    if (lock.packages[path]?.integrity || !os || !cpu) continue
    const integrity = await findIntegrity(`${name}@${version}`)
    if (integrity === null) {
      delete parent.optionalDependencies?.[name]
      delete lock.packages[path]
      process.stdout.write(`removed ${name}@${version}: the registry does not serve it\n`)
      continue
    }
    const libc = abi === 'musl' ? ['musl'] : abi?.startsWith('gnu') ? ['glibc'] : null
    const platform = { cpu: [cpu], ...(parent.dev && { dev: true }), ...(libc && { libc }), optional: true, os: [os] }
    lock.packages[path] = { version, integrity, ...platform }
    process.stdout.write(`added ${name}@${version}\n`)
  }

lock.packages = Object.fromEntries(Object.entries(lock.packages).toSorted(([one], [other]) => (one < other ? -1 : 1)))
await writeFile(file, `${JSON.stringify(lock, null, 2)}\n`)

/** Null when the registry does not have the package; any other failure ends the script. */
async function findIntegrity(spec: string): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)('npm', ['view', spec, 'dist.integrity', '--json'])
    const integrity: unknown = JSON.parse(stdout)
    if (typeof integrity !== 'string' || !integrity.startsWith('sha512-')) throw new Error(`${spec} has no SHA-512`)
    return integrity
  } catch (error) {
    if (error instanceof Error && 'stdout' in error && String(error.stdout).includes('"E404"')) return null
    throw error
  }
}
