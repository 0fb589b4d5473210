import { createHash } from 'node:crypto'
import { glob, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Builds the page into studio/dist, unless its sources are unchanged since the last build. Run by `npm start` and `npm run build`. */

const STUDIO = import.meta.dirname
const ROOT = join(STUDIO, '..')
const DIST = join(STUDIO, 'dist')
/** Holds the hash of the built sources. */
const HASH_FILE = 'sources.sha256'

/** All inputs of the build: the page, its GraphQL documents, the sample image and the package versions. */
const SOURCES = [
  'studio/index.html',
  'studio/*.ts',
  'studio/src/**/*',
  'client/core/*.ts',
  'src/jobs/image.ts',
  'src/jobs/image-link.ts',
  'operations/generated/*.ts',
  'examples/rocket.png',
  'package-lock.json',
]

async function hashSources(): Promise<string> {
  const files = await Array.fromAsync(glob(SOURCES, { cwd: ROOT, withFileTypes: true }))
  const paths = files.filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name))
  const hash = createHash('sha256')
  for (const path of paths.sort()) hash.update(`${path.slice(ROOT.length)}\n`).update(await readFile(path))
  return hash.digest('hex')
}

async function build(): Promise<void> {
  const sourcesHash = await hashSources()
  if ((await readFile(join(DIST, HASH_FILE), 'utf8').catch(() => null)) === sourcesHash) return

  // Loaded on demand, because most starts find the build unchanged.
  const vite = await import('vite')
  // Built in a folder per process, then moved into place: no server sees half a build, and two builds do not collide.
  const fresh = join(STUDIO, `dist-${process.pid}`)
  const old = `${fresh}-old`
  try {
    await vite.build({ root: STUDIO, logLevel: 'warn', build: { outDir: fresh, emptyOutDir: true } })
    await writeFile(join(fresh, HASH_FILE), sourcesHash)
    await mkdir(DIST, { recursive: true })
    await rename(DIST, old)
    await rename(fresh, DIST)
  } finally {
    await Promise.all([fresh, old].map((directory) => rm(directory, { recursive: true, force: true })))
  }
}

await build()
