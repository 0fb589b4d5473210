import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, copyFile, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { parse, validate } from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ListJobsDocument } from '../operations/generated/graphql.ts'
import { schema } from '../src/schema/index.ts'
import { openRig, type Rig } from './api/rig.ts'
import { readStoredSequences } from './client/rig.ts'
import { makeTemporaryDirectory, type TemporaryDirectory } from './helpers/directories.ts'
import { type FaultProxy, startFaultProxy } from './helpers/fault-proxy.ts'
import { request } from './helpers/graphql-client.ts'
import { findRefusedUrl } from './helpers/recording-server.ts'
import { until } from './helpers/until.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const GRAPHQL_CODEGEN = join(ROOT, 'node_modules/@graphql-codegen/cli/esm/bin.js')
/** What the server says of an image URL that is none. */
const PROBLEM = 'The input has a problem: '
const runFile = promisify(execFile)
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
  test('of each file of examples/clients is on the page as it is', async () => {
    const names = await readdir(join(ROOT, 'examples/clients'))
    const programs = await Promise.all(names.map((name) => readFile(join(ROOT, 'examples/clients', name), 'utf8')))
    const shown = blocks.filter(({ language }) => language === 'ts').map(({ text }) => text)
    expect(shown.toSorted()).toEqual(programs.toSorted())
  })

  test.each(['watch.ts', 'urql.ts', 'apollo.ts'])(
    'examples/clients/%s prints every update once over a connection that breaks',
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
        const printed = lines().map((text) => text.split(' '))
        expect([1, ...printed.map(([sequence]) => Number(sequence))]).toEqual(
          await readStoredSequences(rig.url, await readNewestJobId()),
        )
        expect(printed.at(-1)).toEqual([expect.any(String), 'SUCCEEDED', expect.stringMatching(/^http.+\.mp4$/)])
      } finally {
        child.kill('SIGKILL')
      }
    },
    60_000,
  )

  test.each(['watch.ts', 'urql.ts', 'apollo.ts'])(
    'examples/clients/%s says what is wrong with an input, and what a job failed of',
    async (name) => {
      const run = (imageUrl: string) =>
        runFile(process.execPath, ['--no-warnings', join(ROOT, 'examples/clients', name), imageUrl], {
          env: { PATH: process.env.PATH ?? '', REELAY_URL: rig.url },
        })
      const refused = await run('ftp://example.com/rocket.png').catch((error: unknown) => error)
      expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(PROBLEM) })
      const { stdout } = await run('http://sandbox.test/content-policy.png')
      expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/^\d+ FAILED \S+ \S+/)
    },
    60_000,
  )
})

test('the recipe for the code generator knows every scalar, and every type of an interface', async () => {
  const directory = await makeTemporaryDirectory('reelay-test-codegen')
  try {
    await mkdir(join(directory.path, 'src'))
    await symlink(join(ROOT, 'node_modules'), join(directory.path, 'node_modules'))
    await copyFile(join(ROOT, 'schema.graphql'), join(directory.path, 'schema.graphql'))
    await copyFile(join(ROOT, 'examples/clients/codegen.ts'), join(directory.path, 'codegen.ts'))
    await writeFile(
      join(directory.path, 'src/program.ts'),
      `graphql(\`mutation Make($file: File!, $imageUrl: URL!, $seed: SafeInt) {
        uploadImage(file: $file) { ... on UserError { message } }
        generateVideo(input: { imageUrl: $imageUrl, seed: $seed }) { ... on GenerateVideoSuccess { job { createdAt } } }
      }\`)`,
    )
    await runFile(process.execPath, [GRAPHQL_CODEGEN, '--config', 'codegen.ts'], { cwd: directory.path })
    const types = await readFile(join(directory.path, 'src/reelay/graphql.ts'), 'utf8')
    expect(/^export type MakeMutationVariables = .*?;\n}>;/ms.exec(types)?.[0].match(/\w+\??: .*(?=;)/g)).toEqual([
      'file: Blob',
      'imageUrl: string',
      'seed?: number | null | undefined',
    ])
    expect(types).toContain('{ createdAt: string }')
    expect(await readFile(join(directory.path, 'src/reelay/possible-types.json'), 'utf8')).toBe(
      await readFile(join(ROOT, 'possible-types.json'), 'utf8'),
    )
  } finally {
    await directory.remove()
  }
}, 60_000)

describe('the lines for curl', () => {
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
    const made = await runFile('sh', ['-c', make], { env })
    const { job } = (JSON.parse(made.stdout) as { data: { generateVideo: { job: { id: string; cursor: string } } } })
      .data.generateVideo

    const readEvents = async (after: string) => {
      const { stdout } = await runFile('sh', ['-c', watch], { env: { ...env, JOB: job.id, AFTER: after } })
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

  test('show what is wrong with an input', async () => {
    const [make = '', watch = ''] = blocks.filter(({ language }) => language === 'sh').map(({ text }) => text)
    const env = { PATH: path, REELAY_URL: rig.url }
    const refused = await runFile('sh', ['-c', make.replace('https://example.com', 'ftp://example.com')], { env })
    expect(refused.stdout).toContain(PROBLEM)
    const lost = await runFile('sh', ['-c', watch], { env: { ...env, JOB: 'nobody', AFTER: '' } })
    expect(lost.stdout).toContain('"code":"JOB_NOT_FOUND"')
    const away = runFile('sh', ['-c', make], { env: { ...env, REELAY_URL: await findRefusedUrl() } })
    await expect(away).rejects.toMatchObject({ stderr: expect.stringMatching(/connect|fetch failed/) })
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
