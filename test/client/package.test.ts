import { readdir, readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'

interface Manifest {
  engines?: { node: string }
  exports?: string
  browserslist?: string[]
  dependencies: Record<string, string>
  devDependencies?: Record<string, string>
}

const ROOT = new URL('../../', import.meta.url)
const read = (path: string) => readFile(new URL(path, ROOT), 'utf8')
const readManifest = async (path: string) => JSON.parse(await read(path)) as Manifest
const [client, root] = await Promise.all([readManifest('client/package.json'), readManifest('package.json')])

test('the client depends on the packages that it imports, in the versions of the root', async () => {
  const names = (await readdir(new URL('client/', ROOT), { recursive: true })).filter((name) => name.endsWith('.ts'))
  const sources = await Promise.all(names.map((name) => read(`client/${name}`)))
  const imported = sources.flatMap((source) =>
    [...source.matchAll(/ from '((?:@[^/']+\/)?[^./'][^/']*)/g)].map(([, name = '']) => name),
  )
  const installed = { ...root.devDependencies, ...root.dependencies }
  expect(client.dependencies).toEqual(Object.fromEntries(imported.map((name) => [name, installed[name]])))
})

test('the client exports its entry point, and names the browsers that the studio is built for', async () => {
  await read(`client/${client.exports}`)
  const targets = client.browserslist?.map((text) => text.replace(' >= ', '').replace('ios_saf', 'safari'))
  const vite = await read('studio/vite.config.ts')
  const built = [...(/target: \[(.*)\]/.exec(vite)?.[1] ?? '').matchAll(/'(\w+[\d.]*)'/g)].map(([, name]) => name)
  expect(new Set(targets)).toEqual(new Set(built))
})

test('the engines name the Node that main.ts requires and npm installs', async () => {
  const oldest = /OLDEST_NODE = (\d+)/.exec(await read('src/main.ts'))?.[1]
  for (const { engines } of [client, root]) expect(engines?.node).toBe(`>=${oldest}`)
  expect(root.devDependencies?.node?.split('.')[0]).toBe(oldest)
})
