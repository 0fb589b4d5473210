import pino, { type Logger } from 'pino'
import pretty from 'pino-pretty'
import { shorten } from '../../errors.ts'

export type { Logger }

/** Longest message of an error in a line, in characters: strangers have a say in what it holds. */
const MAX_MESSAGE = 500

/** Frames of a stack that a line keeps. */
const MAX_FRAMES = 20

/** Causes of an error that a line tells, one below the other. */
const MAX_CAUSES = 4

/** Logs to standard error: JSON lines, or readable ones on a terminal. Values under these names are never written. */
export function createLogger(level: string): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: toErrorLine },
    redact: {
      paths: ['*.key', '*.FAL_KEY', '*.authorization', '*.Authorization', '*.password', '*.connectionString'],
      censor: '[secret]',
    },
  }
  const destination = pino.destination({ fd: 2, sync: true })
  // Its terminal may be closed, and its reader gone: that is no reason to end.
  destination.on('error', () => {})
  if (!process.stderr.isTTY) return pino(options, destination)
  return pino(options, pretty({ destination, colorize: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss' }))
}

/** What a line keeps of an error: of bounded length, and without the other properties that its class may have. */
function toErrorLine(error: unknown): unknown {
  if (!(error instanceof Error)) return shorten(String(error), MAX_MESSAGE)
  const { code } = error as { code?: unknown }
  return {
    type: error.constructor.name,
    message: shorten(error.message, MAX_MESSAGE),
    ...((typeof code === 'string' || typeof code === 'number') && { code }),
    stack: toStack(error),
  }
}

function toStack(error: Error, causes = 0): string {
  // The stack begins with the message, which may be of any length and have any number of lines.
  const frames = (error.stack ?? '')
    .slice(String(error).length)
    .split('\n', MAX_FRAMES + 1)
    .map((frame) => shorten(frame, MAX_MESSAGE))
  const stack = [shorten(String(error), MAX_MESSAGE), ...frames.filter((frame) => /^\s+at /.test(frame))].join('\n')
  if (!(error.cause instanceof Error) || causes >= MAX_CAUSES) return stack
  return `${stack}\ncaused by: ${toStack(error.cause, causes + 1)}`
}
