import { createLogger } from './adapters/telemetry/logger.ts'
import { createApp } from './app.ts'
import { formatBanner } from './banner.ts'
import { readConfig } from './config.ts'
import { StartError } from './errors.ts'

/** Longest drain, in milliseconds. */
const DRAIN_MS = 20_000
/** Longest wait for child processes that would outlive this one, in milliseconds; they finish stopping without it. */
const FORCED_STOP_MS = 4_000
/** One Ctrl-C can arrive twice, from the terminal and from npm. A later signal, in milliseconds, is a second Ctrl-C. */
const SAME_SIGNAL_MS = 500

/** Starts the server, stops it on signals, and reports failure by the exit code. */
export async function run(): Promise<void> {
  try {
    await startAndListen()
  } catch (error) {
    const reason =
      error instanceof StartError
        ? error.message
        : `cannot start: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
    process.stderr.write(`${reason}\n`)
    process.exit(1)
  }
}

async function startAndListen(): Promise<void> {
  // Writing to a closed terminal or pipe fails; that must not end the process before everything is stopped.
  for (const output of [process.stdout, process.stderr]) output.on('error', () => {})
  const config = readConfig(process.env)
  const logger = createLogger(config.logLevel)
  const app = createApp(config, logger)

  let stopping: { since: number } | null = null
  async function stop(reason: string): Promise<void> {
    if (stopping) return
    stopping = { since: performance.now() }
    logger.info({ reason }, 'stopping')
    setTimeout(() => void forceStop('the drain took too long'), DRAIN_MS)
    await app.stop()
    logger.info({ ms: Math.round(performance.now() - stopping.since) }, 'stopped')
    process.exit()
  }
  async function forceStop(reason: string): Promise<void> {
    logger.warn({ reason }, 'stopping immediately')
    setTimeout(() => process.exit(1), FORCED_STOP_MS)
    await app.stopNow()
    process.exit(1)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      if (!stopping) void stop(signal)
      else if (performance.now() - stopping.since > SAME_SIGNAL_MS) void forceStop(signal)
    })
  // A closed terminal may send SIGHUP several times, which must not force the stop.
  process.on('SIGHUP', () => void stop('SIGHUP'))
  // The state of the process is undefined after these: log, release everything and let a supervisor restart it.
  for (const event of ['uncaughtException', 'unhandledRejection'] as const)
    process.on(event, (error: unknown) => {
      logger.fatal({ err: error }, event)
      process.exitCode = 1
      void stop(event)
    })

  const running = await app.start().catch(async (error: unknown) => {
    // A signal cancelled the start, and has been logged.
    if (!stopping) throw error
    return null
  })
  if (!running || stopping) return
  // A terminal gets the banner, everything else the log line.
  if (config.production || !process.stdout.isTTY) logger.info(running, 'ready')
  if (!config.production) process.stdout.write(formatBanner(running))
}
