import pino, { type Logger } from 'pino'
import pretty from 'pino-pretty'
import { shorten } from '../../errors.ts'

export type { Logger }

/** Longest error message in a log line, in characters: clients and fal influence its content. */
const MAX_MESSAGE = 500

/** Stack frames per log line. */
const MAX_FRAMES = 20

/** Nested causes per log line. */
const MAX_CAUSES = 4

/** Logs to standard error: JSON lines, or formatted text on a terminal. Values of redacted names are never written. */
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
  // The terminal or pipe may be closed, which must not end the process.
  destination.on('error', () => {})
  if (!process.stderr.isTTY) return pino(options, destination)
  return pino(options, pretty({ destination, colorize: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss' }))
}

/** An error as logged: bounded in length, and without the other properties of its class. */
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
  // The stack begins with the message, which may have any number of lines.
  const frames = (error.stack ?? '')
    .slice(String(error).length)
    .split('\n', MAX_FRAMES + 1)
    .map((frame) => shorten(frame, MAX_MESSAGE))
  const stack = [shorten(String(error), MAX_MESSAGE), ...frames.filter((frame) => /^\s+at /.test(frame))].join('\n')
  if (!(error.cause instanceof Error) || causes >= MAX_CAUSES) return stack
  return `${stack}\ncaused by: ${toStack(error.cause, causes + 1)}`
}
