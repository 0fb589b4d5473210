import { createHash } from 'node:crypto'
import { glob, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Builds the page into studio/dist, unless the build there was made of the same files. Run by `npm start` and `npm run build`. */

const WEB = import.meta.dirname
const ROOT = join(WEB, '..')
const DIST = join(WEB, 'dist')
/** What the build was made of. */
const STAMP = 'sources.sha256'

/** Everything that can change the outcome: the page, its documents, the picture to begin with, and the versions of the packages. */
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
  const stamp = await hashSources()
  if ((await readFile(join(DIST, STAMP), 'utf8').catch(() => null)) === stamp) return

  // Loaded only when it is needed: most starts need it not.
  const vite = await import('vite')
  // Built beside and moved into place, so that no server ever serves half of it, and two builds do not meet.
  const fresh = join(WEB, `dist-${process.pid}`)
  const old = `${fresh}-old`
  try {
    await vite.build({ root: WEB, logLevel: 'warn', build: { outDir: fresh, emptyOutDir: true } })
    await writeFile(join(fresh, STAMP), stamp)
    await mkdir(DIST, { recursive: true })
    await rename(DIST, old)
    await rename(fresh, DIST)
  } finally {
    await Promise.all([fresh, old].map((directory) => rm(directory, { recursive: true, force: true })))
  }
}

await build()
