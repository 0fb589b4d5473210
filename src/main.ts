import { createLogger } from './adapters/logger.ts'
import { createApp } from './app.ts'
import { readConfig } from './config.ts'
import { StartError } from './errors.ts'
import { toStartScreen } from './start-screen.ts'

/** Longest time that a drain may take, in milliseconds. */
const DRAIN_MS = 20_000

async function main(): Promise<void> {
  const config = readConfig(process.env)
  const logger = createLogger(config.logLevel)
  const app = createApp(config, logger)

  let ending: Promise<void> | null = null
  async function end(reason: string): Promise<void> {
    logger.info({ reason }, 'stopping')
    setTimeout(() => process.exit(1), DRAIN_MS).unref()
    await app.stop()
    process.exit()
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => (ending ??= end(signal)))
  // Nothing can be relied on after these: say so, give everything back, and let a supervisor start anew.
  for (const event of ['uncaughtException', 'unhandledRejection'] as const)
    process.on(event, (error: unknown) => {
      logger.fatal({ err: error }, event)
      process.exitCode = 1
      ending ??= end(event)
    })

  const running = await app.start()
  // A person at a terminal reads the screen; everybody else, the log.
  if (config.production || !process.stdout.isTTY) logger.info(running, 'ready')
  if (!config.production) process.stdout.write(toStartScreen(running))
}

main().catch((error: unknown) => {
  const reason =
    error instanceof StartError
      ? error.message
      : `cannot start: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
  process.stderr.write(`${reason}\n`)
  process.exit(1)
})
