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

test('the lock file has an entry for every platform package, which npm ci requires', () => {
  const named = Object.values(packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}))
  // If this fails, run `node scripts/complete-lockfile.ts` after the install.
  expect(named.filter((name) => !Object.keys(packages).some((path) => path.endsWith(`node_modules/${name}`)))).toEqual(
    [],
  )
})

test('every package of the lock file has a hash to verify its download', () => {
  const unchecked = Object.entries(packages).filter(([path, { integrity }]) => {
    return path !== '' && !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? '')
  })
  // If this fails, run `node scripts/complete-lockfile.ts`: it adds hashes and removes packages that the registry lacks.
  expect(unchecked.map(([path]) => path)).toEqual([])
})

test('the lock file names no registry', () => {
  expect(Object.entries(packages).filter(([, { resolved }]) => resolved !== undefined)).toEqual([])
})
