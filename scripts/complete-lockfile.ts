import { readFile, writeFile } from 'node:fs/promises'

/**
 * Gives every optional platform package of package-lock.json its entry: `node scripts/complete-lockfile.ts`, after an
 * `npm install`. npm leaves out those that its registry does not serve, and `npm ci` then refuses the lock file. They are
 * named by their platform; a machine of that platform fetches its own from wherever it installs.
 */
interface LockEntry {
  optionalDependencies?: Record<string, string>
  dev?: boolean
}

const file = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(await readFile(file, 'utf8')) as { packages: Record<string, LockEntry> }

for (const { optionalDependencies = {}, dev } of Object.values(lock.packages))
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const [, os, cpu, abi] = /-(android|darwin|linux|win32|freebsd)-(arm64|x64|arm|ia32)(?:-(\w+))?$/.exec(name) ?? []
    if (lock.packages[`node_modules/${name}`] || !os || !cpu) continue
    const libc = abi === 'musl' ? ['musl'] : abi?.startsWith('gnu') ? ['glibc'] : null
    const entry = { version, cpu: [cpu], ...(dev && { dev }), ...(libc && { libc }), optional: true, os: [os] }
    lock.packages[`node_modules/${name}`] = entry
    process.stdout.write(`added ${name}@${version}\n`)
  }

lock.packages = Object.fromEntries(Object.entries(lock.packages).toSorted(([one], [other]) => (one < other ? -1 : 1)))
await writeFile(file, `${JSON.stringify(lock, null, 2)}\n`)
