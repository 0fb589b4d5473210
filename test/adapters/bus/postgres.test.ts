import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { toMessage } from '../../../src/adapters/bus/bus.ts'
import { openPostgresBus } from '../../../src/adapters/bus/postgres.ts'
import { testBus } from '../../contracts/bus.ts'
import { startFaultProxy } from '../../helpers/fault-proxy.ts'
import { createTestDatabase, type TestDatabase } from '../../helpers/postgres.ts'
import { until } from '../../helpers/until.ts'

let database: TestDatabase
let admin: pg.Client

beforeAll(async () => {
  database = await createTestDatabase({ empty: true })
  admin = new pg.Client({ connectionString: database.url })
  await admin.connect()
})

afterAll(async () => {
  await admin.end()
  await database.drop()
})

testBus(() => ({
  open: (events) => openPostgresBus({ url: database.url, ...events }),
  cut: async () => {
    await admin.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = 'reelay-bus' and datname = current_database()`,
    )
  },
  post: async (text) => {
    await admin.query(`select pg_notify('reelay', $1)`, [text])
  },
}))

test('no message is longer than Postgres accepts, however long the names', () => {
  const notifications = Array.from({ length: 300 }, (_, n) => ({
    kind: 'update' as const,
    jobId: '01a20656-8feb-705d-b015-4622a6920107',
    ownerId: 'ö'.repeat(100),
    sequence: n,
  }))
  let rest = notifications
  let messages = 0
  while (rest.length > 0) {
    const message = toMessage('01a20656-8feb-705d-b015-4622a6920107', { gap: true, notifications: rest })
    expect(Buffer.byteLength(message.text)).toBeLessThan(8000)
    rest = message.rest as typeof rest
    messages++
  }
  expect(messages).toBeGreaterThan(5)
})

test('a bus that is stopped while it reconnects leaves no connection', async ({ onTestFinished }) => {
  const proxy = await startFaultProxy({ port: Number(new URL(database.url).port) })
  onTestFinished(proxy.stop)
  const bus = await openPostgresBus({
    url: proxy.through(database.url),
    onNotification: () => {},
    onResync: () => {},
    onError: () => {},
  })
  proxy.delayMs = 100
  proxy.mode = 'cut'
  proxy.mode = 'pass'
  await until(() => proxy.made === 2)
  await bus.stop()
  await until(() => proxy.open === 0)
})
