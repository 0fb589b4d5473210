import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import {
  bindMigrationAwareSqlAdapterFactory,
  type ColumnType,
  ColumnTypeEnum,
  DriverAdapterError,
  type SqlDriverAdapter,
  type SqlQuery,
} from '@prisma/driver-adapter-utils'
import type { SchemaEngine } from '@prisma/schema-engine-wasm/schema_engine_bg'
import pg from 'pg'
import { findServerError } from '../errors.ts'
import { prepareSession } from '../session.ts'

const IN_FAILED_TRANSACTION = '25P02'

/**
 * Prisma's own schema engine, as WebAssembly, on one connection: the engine works inside the caller's transaction and
 * its locks. `free()` it; the connection stays the caller's.
 *
 * @prisma/adapter-pg cannot be used: it splits a script at each semicolon, even inside a function's body, and runs the
 * pieces one by one; it does not know the catalogue's type "char"; and it reconnects by itself.
 */
export async function openSchemaEngine(client: pg.Client, schema: string): Promise<SchemaEngine> {
  engineModule ??= loadEngine()
  const { SchemaEngine } = await engineModule
  const factory = bindMigrationAwareSqlAdapterFactory({
    provider: 'postgres',
    adapterName: 'reelay',
    connect: async () => createAdapter(client, schema, async () => {}),
    connectToShadowDb: () => openShadowDatabase(client),
  })
  return SchemaEngine.new({ datamodels: undefined }, () => {}, factory)
}

let engineModule: ReturnType<typeof loadEngine> | undefined

/** The package's own entry imports the .wasm file as a module, which Node does only since 24.5. */
async function loadEngine() {
  const location = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg')
  const bindings = await import('@prisma/schema-engine-wasm/schema_engine_bg')
  const bytes = await readFile(location.replace(/\.js$/, '.wasm'))
  const imports = { ...bindings, ...replaceTimers(Object.keys(bindings)) } as unknown as WebAssembly.ModuleImports
  const { instance } = await WebAssembly.instantiate(bytes, { './schema_engine_bg.js': imports })
  bindings.__wbg_set_wasm(instance.exports)
  const start = instance.exports.__wbindgen_start as () => void
  start()
  return bindings
}

/**
 * The engine guards its own wait for the lock with a timer of 10 s and never clears it, which would keep the process
 * alive that long after the last migration.
 */
function replaceTimers(names: string[]): Record<string, (act: () => void, milliseconds: number) => NodeJS.Timeout> {
  const timers = names.filter((name) => name.startsWith('__wbg_setTimeout_'))
  return Object.fromEntries(timers.map((name) => [name, (act, milliseconds) => setTimeout(act, milliseconds).unref()]))
}

/** An empty database beside the client's own, in which the engine applies migrations to read the resulting schema. */
async function openShadowDatabase(client: pg.Client): Promise<SqlDriverAdapter> {
  const database = `reelay_shadow_${crypto.randomUUID()}`
  await client.query(`CREATE DATABASE ${pg.escapeIdentifier(database)} TEMPLATE template0`)
  const { host, port, user, password, ssl } = client
  const shadow = new pg.Client({ host, port, database, user, password, ssl })
  shadow.on('error', () => {}) // the query under way fails with it
  await shadow.connect()
  await prepareSession(shadow, { schema: 'public' })
  return createAdapter(shadow, 'public', async () => {
    await shadow.end()
    await client.query(`DROP DATABASE ${pg.escapeIdentifier(database)} WITH (FORCE)`)
  })
}

function createAdapter(client: pg.Client, schemaName: string, dispose: () => Promise<void>): SqlDriverAdapter {
  let failure: DriverAdapterError | undefined
  /** Translates a failure of Postgres for the engine. */
  const translated = async <Answer>(answer: Promise<Answer>): Promise<Answer> => {
    try {
      return await answer
    } catch (error) {
      const reported = findServerError(error)
      if (!reported) throw error
      // After a failed script the engine records the failure, which the failed transaction refuses: report the script's
      // error.
      if (reported.code === IN_FAILED_TRANSACTION && failure) throw failure
      failure = toDriverAdapterError(reported)
      throw failure
    }
  }
  return {
    provider: 'postgres',
    adapterName: 'reelay',
    async queryRaw({ sql, args }: SqlQuery) {
      const { fields, rows } = await translated(client.query({ text: sql, values: args, rowMode: 'array' }))
      return {
        columnNames: fields.map(({ name }) => name),
        columnTypes: fields.map(({ dataTypeID }) => toColumnType(dataTypeID)),
        rows: rows.map((row: unknown[]) => row.map(toEngineValue)),
      }
    },
    async executeRaw({ sql, args }: SqlQuery) {
      // The caller's transaction has this lock. The session's own would outlive it where a pooler keeps the session.
      if (sql.includes('pg_advisory_lock')) return 0
      return (await translated(client.query(sql, args))).rowCount ?? 0
    },
    async executeScript(script: string) {
      await translated(client.query(script)) // one message: Postgres parses it, and runs it whole or not at all
    },
    async startTransaction() {
      throw new Error('the schema engine is not expected to open transactions: its caller does')
    },
    getConnectionInfo: () => ({ schemaName, supportsRelationJoins: false }),
    dispose,
  }
}

function toDriverAdapterError(error: pg.DatabaseError): DriverAdapterError {
  const { code = 'N/A', severity = 'N/A', message, detail, column, hint } = error
  return new DriverAdapterError({ kind: 'postgres', code, severity, message, detail, column, hint })
}

/** Types by object id, of what the engine reads: its own table and the catalogue. */
const COLUMN_TYPES: Record<number, ColumnType> = {
  16: ColumnTypeEnum.Boolean,
  18: ColumnTypeEnum.Character,
  19: ColumnTypeEnum.Text, // name
  20: ColumnTypeEnum.Int64,
  21: ColumnTypeEnum.Int32,
  23: ColumnTypeEnum.Int32,
  25: ColumnTypeEnum.Text,
  26: ColumnTypeEnum.Int64, // oid
  700: ColumnTypeEnum.Float,
  701: ColumnTypeEnum.Double,
  1002: ColumnTypeEnum.CharacterArray,
  1003: ColumnTypeEnum.TextArray, // name[]
  1005: ColumnTypeEnum.Int32Array,
  1007: ColumnTypeEnum.Int32Array,
  1009: ColumnTypeEnum.TextArray,
  1016: ColumnTypeEnum.Int64Array,
  1028: ColumnTypeEnum.Int64Array, // oid[]
  1042: ColumnTypeEnum.Text,
  1043: ColumnTypeEnum.Text,
  1114: ColumnTypeEnum.DateTime,
  1184: ColumnTypeEnum.DateTime,
}

function toColumnType(objectId: number): ColumnType {
  const type = COLUMN_TYPES[objectId]
  if (type === undefined) throw new DriverAdapterError({ kind: 'UnsupportedNativeDataType', type: `oid ${objectId}` })
  return type
}

function toEngineValue(value: unknown): unknown {
  return value instanceof Date ? value.toISOString().replace('Z', '+00:00') : value
}
