import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { DEFAULT_MODEL } from '../src/jobs/models.ts'

/** Writes operations/generated/settings.ts: the settings' ranges and defaults, for clients that cannot import the server. */

const Ranges = z.record(
  z.enum(['motionBucketId', 'condAug', 'fps']),
  z.object({ minimum: z.number(), maximum: z.number() }),
)
const { properties } = z.toJSONSchema(DEFAULT_MODEL.settings, { unrepresentable: 'any' })
const ranges = Ranges.parse(
  Object.fromEntries(Object.entries(properties ?? {}).filter(([name]) => name in DEFAULT_MODEL.defaults)),
)

const lines = Object.entries(ranges).map(([name, { minimum, maximum }]) => {
  const initial = DEFAULT_MODEL.defaults[name as keyof typeof DEFAULT_MODEL.defaults]
  return `  ${name}: { least: ${minimum}, most: ${maximum}, initial: ${initial} },`
})
const text = `/** Written by scripts/setting-ranges.ts: the ranges and defaults of the API's settings. */
export const SETTINGS = {
${lines.join('\n')}
} as const
`
const folder = join(import.meta.dirname, '../operations/generated')
await mkdir(folder, { recursive: true })
await writeFile(join(folder, 'settings.ts'), text)
