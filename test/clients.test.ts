import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { parse, validate } from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ListJobsDocument } from '../operations/generated/graphql.ts'
import { schema } from '../src/schema/index.ts'
import { openRig, type Rig } from './api/rig.ts'
import { makeTemporaryDirectory, type TemporaryDirectory } from './helpers/directories.ts'
import { type FaultProxy, startFaultProxy } from './helpers/fault-proxy.ts'
import { request } from './helpers/graphql-client.ts'
import { until } from './helpers/until.ts'
import { readStoredSequences } from './web/rig.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const page = await readFile(join(ROOT, 'docs/clients.md'), 'utf8')

/** The code blocks of the page, in order. */
const blocks = [...page.matchAll(/```(\w+)\n(.*?)```/gs)].map(([, language = '', text = '']) => ({ language, text }))

let rig: Rig
let line: FaultProxy

beforeAll(async () => {
  rig = await openRig({ fal: { stepMs: 60 } })
  line = await startFaultProxy({ port: Number(new URL(rig.url).port) })
})
afterAll(async () => {
  await line?.stop()
  await rig?.close()
})

async function readNewestJobId(): Promise<string> {
  const { data } = await request(rig.url, ListJobsDocument, { first: 1 })
  return data.jobs.edges[0]?.node.id ?? ''
}

describe('the program', () => {
  test.each(['watch.ts', 'urql.ts', 'apollo.ts'])('examples/clients/%s is on the page as it is', async (name) => {
    const program = await readFile(join(ROOT, 'examples/clients', name), 'utf8')
    expect(blocks).toContainEqual({ language: 'ts', text: program })
  })

  test('examples/clients/resuming-socket.ts is on the page as it is', async () => {
    const module = await readFile(join(ROOT, 'examples/clients/resuming-socket.ts'), 'utf8')
    expect(blocks).toContainEqual({ language: 'ts', text: module })
  })

  test.each(['watch.ts', 'urql.ts', 'apollo.ts'])(
    'examples/clients/%s tells every update once, over a line that breaks',
    async (name) => {
      const child = spawn(process.execPath, ['--no-warnings', join(ROOT, 'examples/clients', name)], {
        env: { PATH: process.env.PATH ?? '', REELAY_URL: line.through(rig.url) },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const output = { out: '', error: '' }
      child.stdout.setEncoding('utf8').on('data', (text) => (output.out += text))
      child.stderr.setEncoding('utf8').on('data', (text) => (output.error += text))
      const ended = once(child, 'close')
      try {
        const lines = () => output.out.split('\n').filter(Boolean)
        await until(() => lines().length >= 3, { timeoutMs: 20_000, what: `updates, and not:\n${output.error}` })
        const made = line.made
        line.mode = 'cut'
        line.mode = 'pass'
        const [code] = await ended
        expect({ code, error: output.error }).toEqual({ code: 0, error: '' })
        expect(line.made).toBeGreaterThan(made)
        const told = lines().map((text) => text.split(' '))
        expect([1, ...told.map(([sequence]) => Number(sequence))]).toEqual(
          await readStoredSequences(rig.url, await readNewestJobId()),
        )
        expect(told.at(-1)).toEqual([expect.any(String), 'SUCCEEDED', expect.stringMatching(/^http.+\.mp4$/)])
      } finally {
        child.kill('SIGKILL')
      }
    },
    60_000,
  )
})

describe('the lines for curl', () => {
  const run = promisify(execFile)
  let directory: TemporaryDirectory
  let path = process.env.PATH ?? ''

  beforeAll(async () => {
    directory = await makeTemporaryDirectory('reelay-test-clients')
    if (!spawnSync('curl', ['--version']).error) return
    process.stderr.write('curl is not installed: the requests of docs/clients.md are sent by fetch\n')
    const substitute = join(directory.path, 'curl')
    await writeFile(substitute, SUBSTITUTE_FOR_CURL)
    await chmod(substitute, 0o755)
    path = `${directory.path}${delimiter}${path}`
  })
  afterAll(() => directory?.remove())

  test('make a job, watch it, and go on after a cursor', async () => {
    const [make = '', watch = ''] = blocks.filter(({ language }) => language === 'sh').map(({ text }) => text)
    const env = { PATH: path, REELAY_URL: rig.url }
    const made = await run('sh', ['-c', make], { env })
    const { job } = (JSON.parse(made.stdout) as { data: { generateVideo: { job: { id: string; cursor: string } } } })
      .data.generateVideo

    const readEvents = async (after: string) => {
      const { stdout } = await run('sh', ['-c', watch], { env: { ...env, JOB: job.id, AFTER: after } })
      expect(stdout).toContain('event: complete')
      const data = [...stdout.matchAll(/^data: (.+)$/gm)].map(([, text = '']) => text)
      return data.map(
        (text) =>
          (JSON.parse(text) as { data: { jobProgress: { sequence: number; cursor: string } } }).data.jobProgress,
      )
    }
    const all = await readEvents(job.cursor)
    expect([1, ...all.map(({ sequence }) => sequence)]).toEqual(await readStoredSequences(rig.url, job.id))
    expect(await readEvents(all[2]?.cursor ?? '')).toEqual(all.slice(3))
    expect(await readEvents(all.at(-1)?.cursor ?? '')).toEqual([])
  }, 60_000)
})

test('every document on the page is one of this API', () => {
  const documents = [...page.matchAll(/gql`(.*?)`/gs)].map(([, text = '']) => text)
  expect(documents).toHaveLength(4)
  for (const document of documents) expect(validate(schema, parse(document))).toEqual([])
})

/** As much of curl as the page uses. */
const SUBSTITUTE_FOR_CURL = `#!${process.execPath}
const args = process.argv.slice(2)
const headers = args.flatMap((word, index) => (word === '-H' ? [args[index + 1].split(/: (.*)/s).slice(0, 2)] : []))
const body = args[args.indexOf('-d') + 1]
const url = args.find((word) => word.startsWith('http'))
const answer = await fetch(url, { method: 'POST', headers, body })
for await (const chunk of answer.body) process.stdout.write(chunk)
`
