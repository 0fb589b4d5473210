import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/**
 * Runs `prisma generate`: prisma/schema.prisma → src/generated, which is committed.
 *
 * The command downloads Prisma's schema engine first, which it then does not use. Naming any executable as that
 * engine spares the download; CHECKPOINT_DISABLE spares the question whether there is a newer version.
 */
const root = join(import.meta.dirname, '..')
const manifestPath = createRequire(import.meta.url).resolve('prisma/package.json')
const manifest = JSON.parse(readFileSync(manifestPath, 'utf8')) as { bin: { prisma: string } }
const command = join(dirname(manifestPath), manifest.bin.prisma)

const { status, signal, error } = spawnSync(process.execPath, [command, 'generate', ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
  env: {
    ...process.env,
    CHECKPOINT_DISABLE: '1',
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
  },
})
if (status !== 0) {
  process.stderr.write(`prisma generate failed (${error?.message ?? signal ?? `exit code ${status}`})\n`)
  process.exit(status || 1)
}
const missing = ['src/generated/prisma/client.ts', 'src/generated/pothos.ts'].filter(
  (path) => !existsSync(join(root, path)),
)
if (missing.length > 0) {
  process.stderr.write(
    `prisma generate ended well but did not write ${missing.join(' and ')}: see the generators in prisma/schema.prisma\n`,
  )
  process.exit(1)
}
