import { execFileSync } from 'node:child_process'
import { chown, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { expect, type TestContext, test } from 'vitest'
import { GenerateVideoDocument } from '../../operations/generated/graphql.ts'
import { makeTemporaryDirectory } from '../helpers/directories.ts'
import { until } from '../helpers/until.ts'
import { createImageUrl } from './client.ts'
import { openOwnPostgres } from './postgres.ts'
import { openFaultRig } from './rig.ts'

const SIZE_MB = 48

const mount = (path: string) => execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MB}m`, 'tmpfs', path])
const unmount = (path: string) => void execFileSync('umount', [path])

async function canMount(): Promise<boolean> {
  const directory = await makeTemporaryDirectory('reelay-mount')
  try {
    mount(directory.path)
    unmount(directory.path)
    return true
  } catch {
    return false
  } finally {
    await directory.remove()
  }
}

interface SmallDisk {
  databaseUrl: string
  fill(): Promise<void>
  makeRoom(): Promise<void>
}

/** A database on its own small disk; Postgres' other files are elsewhere. */
async function openSmallDisk(context: TestContext): Promise<SmallDisk> {
  const directory = await makeTemporaryDirectory('reelay-small-disk')
  context.onTestFinished(directory.remove)
  mount(directory.path)
  context.onTestFinished(() => unmount(directory.path))
  const postgres = await openOwnPostgres(context)
  const client = new pg.Client({ connectionString: postgres.url })
  await client.connect()
  try {
    const { rows } = await client.query<{ directory: string }>(`SELECT current_setting('data_directory') AS directory`)
    const { uid, gid } = await stat(rows[0]?.directory ?? '')
    await chown(directory.path, uid, gid)
    await client.query(`CREATE TABLESPACE small LOCATION '${directory.path}'`)
    await client.query('CREATE DATABASE small TABLESPACE small')
  } finally {
    await client.end()
  }
  const url = new URL(postgres.url)
  url.pathname = 'small'
  const ballast = join(directory.path, 'ballast')
  return {
    databaseUrl: url.href,
    fill: async () => {
      const chunk = Buffer.alloc(SIZE_MB * 1024 * 1024)
      // Keeps as much as fits on the disk.
      await writeFile(ballast, chunk).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOSPC') throw error
      })
    },
    makeRoom: () => rm(ballast),
  }
}

const mounts = await canMount()

test.skipIf(!mounts)(
  `A10: while the disk of Postgres is full callers get SERVICE_UNAVAILABLE and jobs wait; all recover${mounts ? '' : ' (needs leave to mount a tmpfs)'}`,
  { timeout: 120_000 },
  async (context) => {
    const disk = await openSmallDisk(context)
    const rig = await openFaultRig(context, {
      roles: ['api,worker'],
      databaseUrl: disk.databaseUrl,
      fal: { stepMs: 200 },
    })
    const [url = ''] = rig.apis
    const submit = async () => {
      const imageUrl = createImageUrl()
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: GenerateVideoDocument.toString(), variables: { input: { imageUrl } } }),
      })
      const body = (await response.json()) as {
        data?: { generateVideo: { job: { id: string } } }
        errors?: { extensions: { code: string } }[]
      }
      const id = body.data?.generateVideo.job.id
      if (id !== undefined) rig.watch({ id, imageUrl })
      return {
        status: response.status,
        retryAfter: response.headers.get('retry-after'),
        code: body.errors?.[0]?.extensions.code,
      }
    }
    const readiness = async () => {
      const response = await fetch(`${url}/readyz`)
      return { status: response.status, body: (await response.json()) as { reason?: string } }
    }
    await rig.submit(5)
    await disk.fill()
    const fullSince = Date.now()
    // Existing pages still have space for some rows.
    const refused = await until(
      async () => {
        const answer = await submit()
        return answer.status === 200 ? null : answer
      },
      { timeoutMs: 60_000 },
    )
    expect(refused).toEqual({ status: 503, retryAfter: '5', code: 'SERVICE_UNAVAILABLE' })
    const red = { status: 503, body: { status: 'not ready', reason: 'the disk of the database is full' } }
    expect(await readiness()).toEqual(red)
    // The disk stays full, although read-only queries still succeed.
    await until(() => Date.now() - fullSince > 5_000, { timeoutMs: 10_000 })
    expect(await readiness()).toEqual(red)
    expect((await fetch(`${url}/healthz`)).status).toBe(200)

    await disk.makeRoom()
    await until(async () => (await readiness()).status === 200, { timeoutMs: 5_000, everyMs: 50 })
    expect((await submit()).status).toBe(200)
    await until(async () => (await rig.count(`"Job" WHERE status <> 'SUCCEEDED'`)) === 0, { timeoutMs: 60_000 })
    const lines = rig.members[0]?.output().split('\n') ?? []
    // An expected failure: log lines without stacks.
    expect(lines.filter((line) => line.includes('"level":50'))).toEqual([])
    expect(lines.filter((line) => line.includes('No space left on device')).length).toBeGreaterThan(0)
    await rig.verify('A10')
  },
)
