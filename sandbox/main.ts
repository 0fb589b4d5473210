import { z } from 'zod'
import { openSandbox } from './sandbox.ts'

const Settings = z.object({
  SANDBOX_HOST: z.string().min(1).default('127.0.0.1'),
  SANDBOX_PORT: z.coerce.number().int().min(0).max(65_535).default(0),
  SANDBOX_DATA_DIR: z.string().min(1).default('.reelay/sandbox'),
  SANDBOX_STEP_MS: z.coerce.number().min(0).max(60_000).default(200),
  SANDBOX_SLOTS: z.coerce.number().int().min(1).max(10_000).default(2),
})

// Whoever read our output may be gone; that is no reason to fail.
for (const output of [process.stdout, process.stderr]) output.on('error', () => {})

function say(text: string): void {
  process.stderr.write(`reelay sandbox (not fal): ${text}\n`)
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

async function main(): Promise<void> {
  const settings = Settings.safeParse(process.env)
  if (!settings.success) throw new Error(z.prettifyError(settings.error))
  const { SANDBOX_HOST, SANDBOX_PORT, SANDBOX_DATA_DIR, SANDBOX_STEP_MS, SANDBOX_SLOTS } = settings.data
  const sandbox = await openSandbox({
    host: SANDBOX_HOST,
    port: SANDBOX_PORT,
    dataDir: SANDBOX_DATA_DIR,
    stepMs: SANDBOX_STEP_MS,
    slots: SANDBOX_SLOTS,
    onError: (error, { stage }) => say(`${stage}: ${describe(error)}`),
  })

  let stopping = false
  const stop = () => {
    if (stopping) return
    stopping = true
    void sandbox.close().then(
      () => process.exit(0),
      (error: unknown) => {
        say(`cannot stop cleanly: ${describe(error)}`)
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  process.on('SIGHUP', stop)
  // The parent is gone, however it ended: nobody is left who needs a sandbox.
  process.on('disconnect', stop)
  // Gone already, while this started: there is no channel left that could say so. (Without a parent it is undefined.)
  if (process.connected === false) stop()

  process.stdout.write(`${JSON.stringify({ url: sandbox.url })}\n`)
  // A parent says it in its own words.
  if (!process.channel) say(`a local stand-in for fal listens at ${sandbox.url}; no model runs and nothing is billed`)
}

main().catch((error: unknown) => {
  say(`cannot start: ${describe(error)}`)
  process.exit(1)
})
