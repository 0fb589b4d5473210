import { createLogger } from './adapters/telemetry/logger.ts'
import { createApp } from './app.ts'
import { toStartScreen } from './banner.ts'
import { readConfig } from './config.ts'
import { StartError } from './errors.ts'

/** Longest time that a drain may take, in milliseconds. */
const DRAIN_MS = 20_000
/** Longest time that the processes which would outlive this one may take to end, in milliseconds: they go on ending by themselves. */
const END_NOW_MS = 4_000
/** One Ctrl-C can arrive twice: from the terminal, and passed on by npm. What comes later than this is another one. */
const SAME_SIGNAL_MS = 500

/** Starts the server, ends it on signals, and answers by the exit code. */
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
  // A closed terminal takes no more output, and a reader may be gone: that is no reason to end before all is stopped.
  for (const output of [process.stdout, process.stderr]) output.on('error', () => {})
  const config = readConfig(process.env)
  const logger = createLogger(config.logLevel)
  const app = createApp(config, logger)

  let ending: { since: number } | null = null
  async function end(reason: string): Promise<void> {
    if (ending) return
    ending = { since: performance.now() }
    logger.info({ reason }, 'stopping')
    setTimeout(() => void endNow('the drain took too long'), DRAIN_MS)
    await app.stop()
    logger.info({ ms: Math.round(performance.now() - ending.since) }, 'stopped')
    process.exit()
  }
  async function endNow(reason: string): Promise<void> {
    logger.warn({ reason }, 'stopping at once')
    setTimeout(() => process.exit(1), END_NOW_MS)
    await app.stopNow()
    process.exit(1)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      if (!ending) void end(signal)
      else if (performance.now() - ending.since > SAME_SIGNAL_MS) void endNow(signal)
    })
  // A terminal that is closed sends it any number of times, and means no hurry.
  process.on('SIGHUP', () => void end('SIGHUP'))
  // Nothing can be relied on after these: say so, give everything back, and let a supervisor start anew.
  for (const event of ['uncaughtException', 'unhandledRejection'] as const)
    process.on(event, (error: unknown) => {
      logger.fatal({ err: error }, event)
      process.exitCode = 1
      void end(event)
    })

  const running = await app.start().catch(async (error: unknown) => {
    // Called off by what ends the process, which says so itself.
    if (!ending) throw error
    return null
  })
  if (!running || ending) return
  // A person at a terminal reads the screen; everybody else, the log.
  if (config.production || !process.stdout.isTTY) logger.info(running, 'ready')
  if (!config.production) process.stdout.write(toStartScreen(running))
}
