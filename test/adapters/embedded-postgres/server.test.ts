import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, readlink, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { linkLibraries } from '../../../src/adapters/embedded-postgres/binaries.ts'
import { type EmbeddedPostgres, openEmbeddedPostgres } from '../../../src/adapters/embedded-postgres/server.ts'
import { watchPostgres } from '../../../src/adapters/embedded-postgres/watchdog.ts'
import { StartError } from '../../../src/errors.ts'
import { makeTemporaryDirectory, type TemporaryDirectory } from '../../helpers/directories.ts'
import { until } from '../../helpers/until.ts'

const CLUSTER = 'postgres-17'
const MODULE = new URL('../../../src/adapters/embedded-postgres/server.ts', import.meta.url).href

async function ask(url: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url })
  try {
    await client.connect()
    return (await client.query(`select 'here' as answer`)).rows[0].answer
  } finally {
    await client.end()
  }
}

async function readPid(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<{ text: string }>(`select pg_read_file('postmaster.pid') as text`)
  await client.end()
  return Number.parseInt(rows[0]?.text ?? '', 10)
}

/** Another process that opens the database and then only lives. */
async function openElsewhere(dataDir: string): Promise<{ child: ChildProcess; url: string; source: string }> {
  const script = `
    const { openEmbeddedPostgres } = await import(process.argv[1])
    const { url, source } = await openEmbeddedPostgres({ dataDir: process.argv[2], durable: false })
    console.log(JSON.stringify({ url, source }))
    setInterval(() => {}, 60_000)`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script, MODULE, dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(createInterface(child.stdout), 'line')
  return { child, ...(JSON.parse(line) as { url: string; source: string }) }
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'exit')
}

describe('one data directory', () => {
  let directory: TemporaryDirectory
  const open = (): Promise<EmbeddedPostgres> => openEmbeddedPostgres({ dataDir: directory.path, durable: false })
  const leavePostmasterFile = async (pid: number | string) => {
    const path = join(directory.path, CLUSTER, 'postmaster.pid')
    await writeFile(path, `${pid}\n${directory.path}\n1\n1\n\n127.0.0.1\n1 1\nready\n`)
    await utimes(path, 1, 1)
  }

  beforeAll(async () => {
    directory = await makeTemporaryDirectory('reelay-embedded')
  })
  afterAll(() => directory.remove())

  test('the first start creates the cluster, despite the leftovers of a killed one', async () => {
    const litter = join(directory.path, `${CLUSTER}.new-killed`)
    await mkdir(litter)
    await utimes(litter, 1, 1)

    const server = await open()

    expect(server.source).toBe('started')
    expect(await ask(server.url)).toBe('here')
    expect(await readdir(directory.path)).toEqual([CLUSTER])
    await server.stop()
    await expect(ask(server.url)).rejects.toThrow('ECONNREFUSED')
  })

  test('a killed server is restarted at the same address', async () => {
    const server = await open()
    const revivals: string[] = []
    const stopWatching = watchPostgres({
      postgres: server,
      onRevived: async () => {
        revivals.push(server.url)
      },
      onError: () => {},
    })
    for (const signal of ['SIGKILL', 'SIGINT'] as const) {
      const before = revivals.length
      process.kill(await readPid(server.url), signal)
      await until(() => revivals.length > before, { timeoutMs: 15_000 })
      expect(await ask(server.url)).toBe('here')
    }
    await stopWatching()
    await server.stop()
    await expect(ask(server.url)).rejects.toThrow('ECONNREFUSED')
  })

  test('a connection needs the password, which other users cannot read', async () => {
    const server = await open()
    const stranger = new URL(server.url)
    stranger.password = 'guess'

    await expect(ask(stranger.href)).rejects.toThrow('password authentication failed')
    const { mode } = await stat(join(directory.path, CLUSTER, 'reelay.password'))
    expect(mode & 0o077).toBe(0)
    await server.stop()
  })

  test('a second stop has no effect', async () => {
    const server = await open()
    await Promise.all([server.stop(), server.stop()])
    await server.stop()
    await expect(ask(server.url)).rejects.toThrow('ECONNREFUSED')
  })

  test('a server whose parent was killed is found again, and can be stopped', async () => {
    const killed = await openElsewhere(directory.path)
    await kill(killed.child)

    const server = await open()

    expect(server).toMatchObject({ source: 'reused', url: killed.url })
    expect(await ask(server.url)).toBe('here')
    await server.stop()
    await expect(ask(server.url)).rejects.toThrow('ECONNREFUSED')
  })

  test('a server that was itself killed starts again', async () => {
    const first = await open()
    const pid = Number((await readFile(join(directory.path, CLUSTER, 'postmaster.pid'), 'utf8')).split('\n')[0])
    process.kill(pid, 'SIGKILL')

    const second = await open()

    expect(second.source).toBe('started')
    expect(await ask(second.url)).toBe('here')
    await first.stop()
    expect(await ask(second.url)).toBe('here') // the first has ended; its handle must not end its successor
    await second.stop()
  })

  const strangers: [string, number | string][] = [
    ['that has ended', 2 ** 22 + 1],
    ['that is another program now', process.pid],
    ['that nobody can read', ''],
  ]
  test.for(strangers)('a pid file of a process %s is no obstacle', async ([, pid]) => {
    await leavePostmasterFile(pid)
    const server = await open()
    expect(server.source).toBe('started')
    expect(await ask(server.url)).toBe('here')
    await server.stop()
  })
})

test('of two processes that open an empty directory at once, one starts the server and both use it', async () => {
  const directory = await makeTemporaryDirectory('reelay-embedded')
  const [other, server] = await Promise.all([
    openElsewhere(directory.path),
    openEmbeddedPostgres({ dataDir: directory.path, durable: false }),
  ])

  expect([other.source, server.source].sort()).toEqual(['reused', 'started'])
  expect(server.url).toBe(other.url)
  expect(await readdir(directory.path)).toEqual([CLUSTER])
  await kill(other.child)
  await server.stop()
  await directory.remove()
})

test('an aborted opening leaves nothing behind', async () => {
  const directory = await makeTemporaryDirectory('reelay-embedded')
  const controller = new AbortController()
  const opening = openEmbeddedPostgres({ dataDir: directory.path, signal: controller.signal })
  controller.abort(new Error('changed my mind'))
  await expect(opening).rejects.toThrow('changed my mind')
  expect(await readdir(directory.path)).toEqual([])
  await directory.remove()
})

test('a data directory that cannot be created is a clear error', async () => {
  const directory = await makeTemporaryDirectory('reelay-embedded')
  await writeFile(join(directory.path, 'file'), '')
  const opening = openEmbeddedPostgres({ dataDir: join(directory.path, 'file', 'data') })
  await expect(opening).rejects.toThrow(StartError)
  await expect(opening).rejects.toThrow('set DATABASE_URL')
  await directory.remove()
})

test('links that the installation did not create are created', async () => {
  const directory = await makeTemporaryDirectory('reelay-embedded')
  const native = join(directory.path, 'native')
  await mkdir(join(native, 'lib'), { recursive: true })
  const links = [{ source: 'native/lib/libpq.so.5.17', target: 'native/lib/libpq.so.5' }]
  await writeFile(join(native, 'pg-symlinks.json'), JSON.stringify(links))

  expect(await linkLibraries(native)).toBe(true)
  expect(await linkLibraries(native)).toBe(true)

  expect(await readlink(join(native, 'lib', 'libpq.so.5'))).toBe('libpq.so.5.17')
  await directory.remove()
})
