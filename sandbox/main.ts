import { z } from 'zod'
import { openSandbox } from './sandbox.ts'

const Settings = z.object({
  SANDBOX_HOST: z.string().min(1).default('127.0.0.1'),
  SANDBOX_PORT: z.coerce.number().int().min(0).max(65_535).default(0),
  SANDBOX_DATA_DIR: z.string().min(1).default('.reelay/sandbox'),
  SANDBOX_STEP_MS: z.coerce.number().min(0).max(60_000).default(200),
  SANDBOX_SLOTS: z.coerce.number().int().min(1).max(10_000).default(2),
})

// The process that read our output may have exited: not a reason to fail.
for (const output of [process.stdout, process.stderr]) output.on('error', () => {})

function log(text: string): void {
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
    onError: (error, { stage }) => log(`${stage}: ${describe(error)}`),
  })

  let stopping = false
  const stop = () => {
    if (stopping) return
    stopping = true
    void sandbox.close().then(
      () => process.exit(0),
      (error: unknown) => {
        log(`cannot stop cleanly: ${describe(error)}`)
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  process.on('SIGHUP', stop)
  // The parent has exited, so the sandbox is no longer needed.
  process.on('disconnect', stop)
  // The parent exited during startup: no disconnect event follows. (Without a parent, connected is undefined.)
  if (process.connected === false) stop()

  process.stdout.write(`${JSON.stringify({ url: sandbox.url })}\n`)
  // A parent process logs the address itself.
  if (!process.channel) log(`listening at ${sandbox.url} in place of fal; no model runs and nothing is billed`)
}

main().catch((error: unknown) => {
  log(`cannot start: ${describe(error)}`)
  process.exit(1)
})
