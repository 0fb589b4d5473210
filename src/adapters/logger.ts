import pino, { type Logger } from 'pino'
import pretty from 'pino-pretty'

export type { Logger }

/** Logs to standard error: JSON lines, or readable ones on a terminal. Values under these names are never written. */
export function createLogger(level: string): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: {
      paths: ['*.key', '*.FAL_KEY', '*.authorization', '*.Authorization', '*.password', '*.connectionString'],
      censor: '[secret]',
    },
  }
  if (!process.stderr.isTTY) return pino(options, pino.destination({ fd: 2, sync: true }))
  return pino(
    options,
    pretty({ destination: 2, sync: true, colorize: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss' }),
  )
}
