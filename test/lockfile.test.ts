import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'

interface LockEntry {
  resolved?: string
  integrity?: string
  optionalDependencies?: Record<string, string>
}

const { packages } = JSON.parse(await readFile(new URL('../package-lock.json', import.meta.url), 'utf8')) as {
  packages: Record<string, LockEntry>
}

test('the lock file has an entry for every platform package, or npm ci would refuse it', () => {
  const named = Object.values(packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}))
  // Run `node scripts/complete-lockfile.ts` after an install that left some out.
  expect(named.filter((name) => !Object.keys(packages).some((path) => path.endsWith(`node_modules/${name}`)))).toEqual(
    [],
  )
})

test('every package of the lock file has a hash that a download is checked against', () => {
  const unchecked = Object.entries(packages).filter(([path, { integrity }]) => {
    return path !== '' && !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? '')
  })
  // Run `node scripts/complete-lockfile.ts`: it adds the hash, or removes what the registry does not serve.
  expect(unchecked.map(([path]) => path)).toEqual([])
})

test('the lock file names no registry', () => {
  expect(Object.entries(packages).filter(([, { resolved }]) => resolved !== undefined)).toEqual([])
})
