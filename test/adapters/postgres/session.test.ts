import type pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { createPool } from '../../../src/adapters/postgres/pool.ts'
import { readSchema } from '../../../src/adapters/postgres/session.ts'
import { StartError } from '../../../src/errors.ts'
import { createForeignDatabase } from '../../helpers/postgres.ts'

async function openPool(): Promise<pg.Pool> {
  const database = await createForeignDatabase()
  const pool = createPool({ url: database.url, name: 'session', connections: 1, onError: () => {} })
  onTestFinished(async () => {
    await pool.end()
    await database.drop()
  })
  return pool
}

test('a session has the settings that the code needs, whatever the role sets', async () => {
  const pool = await openPool()
  const settings: Record<string, string> = {
    TimeZone: 'UTC',
    DateStyle: 'ISO, YMD',
    IntervalStyle: 'postgres',
    client_encoding: 'UTF8',
    bytea_output: 'hex',
    extra_float_digits: '1',
    standard_conforming_strings: 'on',
    default_transaction_isolation: 'read committed',
    synchronous_commit: 'on',
    statement_timeout: '0',
    lock_timeout: '0',
    idle_session_timeout: '0',
    idle_in_transaction_session_timeout: '8s',
    search_path: '"public"',
  }
  const { rows } = await pool.query('SELECT name, current_setting(name) AS value FROM unnest($1::text[]) AS name', [
    Object.keys(settings),
  ])
  expect(Object.fromEntries(rows.map(({ name, value }) => [name, value]))).toEqual(settings)
})

test('the schema is the one in the URL, by default public', () => {
  expect(readSchema('postgres://a@b/c')).toBe('public')
  expect(readSchema('postgres://a@b/c?schema=Reelay_2')).toBe('Reelay_2')
  for (const name of ['1st', 'a b', 'a"b', 'pg_own', 'x'.repeat(44), 'größe'])
    expect(() => readSchema(`postgres://a:hunter2@b/c?schema=${encodeURIComponent(name)}`), name).toThrow(StartError)
})
