/** The command behind `npm run migrate`: applies, writes and lists the migrations beside this file. */

import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEmbeddedPostgres } from '../src/adapters/embedded-postgres/server.ts'
import { settleTlsMode } from '../src/adapters/postgres/connect.ts'
import { createMigration, deployMigrations, migrationStatus } from '../src/adapters/postgres/migrations/migrate.ts'
import { StartError } from '../src/errors.ts'

/** The database that the command is given, else one that lasts as long as the command. */
async function withDatabase<Answer>(act: (connectionString: string) => Promise<Answer>): Promise<Answer> {
  const given = await readDatabaseUrl()
  if (given) return act(given)
  const dataDir = await mkdtemp(join(tmpdir(), 'reelay-migrate-'))
  await chmod(dataDir, 0o755) // when this is root, Postgres runs as somebody else, who must get in
  const database = await openEmbeddedPostgres({ dataDir, durable: false })
  try {
    return await act(database.url)
  } finally {
    await database.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
}

async function requireDatabaseUrl(): Promise<string> {
  const url = await readDatabaseUrl()
  if (url) return url
  throw new StartError('DATABASE_URL is missing: expected postgres://user:password@host:5432/database.')
}

async function readDatabaseUrl(): Promise<string | null> {
  const url = process.env.DATABASE_URL?.trim()
  return url ? await settleTlsMode(url) : null
}

const USAGE = `usage: node prisma/migrate.ts <command>
  deploy     apply the migrations that DATABASE_URL lacks
  dev NAME   write the migration that leads from the existing ones to schema.prisma
  status     list what is applied and pending; exit code 1 unless all is applied
`

/** @returns the exit code. */
async function runCommand([command, name]: string[]): Promise<number> {
  const print = (line: string) => process.stdout.write(`${line}\n`)
  if (command === 'deploy') {
    const applied = await deployMigrations({ connectionString: await requireDatabaseUrl() })
    print(applied.length === 0 ? 'Nothing to apply.' : `Applied ${applied.join(', ')}.`)
    return 0
  }
  if (command === 'dev' && name) {
    const created = await withDatabase((connectionString) => createMigration(name, { connectionString }))
    print(created === null ? 'The migrations agree with schema.prisma.' : `Wrote prisma/migrations/${created}.`)
    return 0
  }
  if (command === 'status') {
    const status = await migrationStatus({ connectionString: await requireDatabaseUrl() })
    for (const [state, names] of Object.entries(status)) print(`${state}: ${names.join(', ') || 'none'}`)
    return status.pending.length + status.failed.length === 0 ? 0 : 1
  }
  process.stderr.write(USAGE)
  return 2
}

try {
  process.exitCode = await runCommand(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof StartError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}
