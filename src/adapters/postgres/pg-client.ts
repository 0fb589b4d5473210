import pg from 'pg'
import { toDatabaseError } from './errors.ts'

/** pg's client, with failures and `error` events translated where they enter: see `toDatabaseError`. */
export const PgClient: typeof pg.Client = class extends pg.Client {
  // `never` fits the result of each of pg's forms: with a callback, and with a promise.
  override connect(...args: unknown[]): never {
    return translateFailure(super.connect.bind(this) as Method, args) as never
  }

  override query(...args: unknown[]): never {
    return translateFailure(super.query.bind(this) as Method, args) as never
  }

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    return super.emit(event, ...(event === 'error' ? args.map(toDatabaseError) : args))
  }
}

type Method = (...args: unknown[]) => unknown

function translateFailure(method: Method, args: unknown[]): unknown {
  const callback = args.at(-1)
  if (typeof callback !== 'function') {
    return (method(...args) as Promise<unknown>).catch((error: unknown) => {
      throw toDatabaseError(error)
    })
  }
  return method(...args.slice(0, -1), (error: unknown, result: unknown) =>
    callback(error ? toDatabaseError(error) : error, result),
  )
}
