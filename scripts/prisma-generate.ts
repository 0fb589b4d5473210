import { createRequire } from 'node:module'

/**
 * Generates Prisma's client: prisma/schema.prisma → src/generated/prisma, which is committed.
 *
 * Calls the generator behind `prisma generate` directly. The package `prisma` is not installed: its browser UI and its
 * development database take 170 MB, and npm would install them in production too, as an optional peer of @prisma/client.
 */
// The ES module of client-generator-ts 7.10.0 imports a file that does not exist, so both are loaded as CommonJS.
const require = createRequire(import.meta.url)
const { PrismaClientTsGenerator } =
  require('@prisma/client-generator-ts') as typeof import('@prisma/client-generator-ts')
const { getGenerators } = require('@prisma/internals') as typeof import('@prisma/internals')

const generators = await getGenerators({
  schemaPath: 'prisma/schema.prisma',
  registry: { 'prisma-client': { type: 'in-process', generator: new PrismaClientTsGenerator() } },
  skipDownload: true,
  cliCommand: 'generate',
})
for (const generator of generators) {
  await generator.generate()
  generator.stop()
}
