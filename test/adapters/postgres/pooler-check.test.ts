import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { checkPooler } from '../../../src/adapters/postgres/pooler-check.ts'
import { createForeignDatabase } from '../../helpers/postgres.ts'

const NOTIFICATION = 'A'.charCodeAt(0)

/** Forwards to Postgres as a pooler in transaction mode does: no listener receives a notification. */
async function startDeafPooler(url: string): Promise<string> {
  const { hostname: host, port } = new URL(url)
  const server = createServer((client) => {
    const target = connect({ host, port: Number(port) })
    let rest = Buffer.alloc(0)
    client.pipe(target)
    target.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk])
      for (let end = endOf(rest); end <= rest.length; end = endOf(rest)) {
        if (rest[0] !== NOTIFICATION) client.write(rest.subarray(0, end))
        rest = rest.subarray(end)
      }
    })
    target.on('close', () => client.destroy())
    for (const socket of [client, target]) socket.on('error', () => {}) // the other side has closed
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void server.close())
  const through = new URL(url)
  through.port = String((server.address() as AddressInfo).port)
  return through.href
}

/** Where the first message ends: its type, then its length, which counts itself. */
function endOf(bytes: Buffer): number {
  return bytes.length < 5 ? Number.POSITIVE_INFINITY : 1 + bytes.readUInt32BE(1)
}

test('a direct connection to Postgres keeps its session, whatever its settings', async () => {
  const database = await createForeignDatabase()
  onTestFinished(database.drop)
  expect(await checkPooler(database.url, { needsNotifications: true })).toBeNull()
})

test('behind a pooler in transaction mode the role needs the settings, and hints are late without Redis', async () => {
  const database = await createForeignDatabase()
  onTestFinished(database.drop)
  const url = await startDeafPooler(database.url)
  const settings: string[] = []
  for (;;) {
    const failure = await checkPooler(url, { needsNotifications: false, waitMs: 100 }).catch(
      (error: Error) => error.message,
    )
    // What is set for a role counts for new connections only, and a pooler keeps those that it has.
    const statements = /^cannot start: a pooler .* or run (.*) and let the pooler reconnect/.exec(failure ?? '')?.[1]
    if (statements === undefined) break
    expect(failure?.length).toBeLessThanOrEqual(500)
    settings.push(...(statements.match(/SET \w+/g) ?? []))
    expect(settings.length).toBeLessThanOrEqual(4)
    await database.administer(statements)
  }
  expect(settings).toEqual(['SET search_path', 'SET TimeZone', 'SET DateStyle', 'SET default_transaction_isolation'])
  expect(await checkPooler(url, { needsNotifications: true, waitMs: 100 })).toContain('up to 5 s late')
})
