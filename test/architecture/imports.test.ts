import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { findCircles } from './circles.ts'
import { ENVIRONMENT_READERS, findProblem } from './import-table.ts'
import { loadAlone } from './load-alone.ts'
import { listSources, parseSource, ROOT, readSource } from './read-source.ts'

const files = listSources(['src', 'sandbox', 'cli', 'client', 'studio', 'prisma'])
const sources = files.map(readSource)
/** Types of a GraphQL schema refer to each other; Prisma's client is generated. */
const isOfGraph = (file: string) => /^src\/(schema|generated)\//.test(file)

describe('the source', () => {
  test('is read: well-known files and imports are found', () => {
    expect(files).toEqual(
      expect.arrayContaining(['src/main.ts', 'src/app.ts', 'src/schema/index.ts', 'src/updates/update-log.ts']),
    )
    expect(sources.flatMap((source) => source.imports)).toContainEqual({
      from: 'src/run.ts',
      to: 'src/app.ts',
      isPackage: false,
      kind: 'value',
      names: ['createApp'],
    })
  })

  test('has no import that the table forbids', () => {
    expect(sources.flatMap((source) => source.imports.flatMap((arrow) => findProblem(arrow) ?? []))).toEqual([])
  })

  test('has no import cycle outside the GraphQL schema', () => {
    expect(findCircles(sources.filter(({ file }) => !isOfGraph(file))).map((circle) => circle.join(' → '))).toEqual([])
  })

  test('imports only files that are there', () => {
    const missing = sources
      .flatMap((source) => source.imports)
      .filter((arrow) => arrow.from.startsWith('src/') && arrow.to.startsWith('src/') && !files.includes(arrow.to))
    expect(missing).toEqual([])
  })

  test('builds the app in one list of steps, each of which uses only earlier ones, in about 180 lines', () => {
    const text = readFileSync(join(ROOT, 'src/app.ts'), 'utf8')
    expect(text.split('\n').length).toBeLessThan(190)
    const steps = text.slice(text.indexOf('async function start')).replaceAll(/\/\/.*$/gm, '')
    const declared = [...steps.matchAll(/^ {4}const (?:\{ ([^}]+) \}|(\w+))(?::[^=]+)? =/gm)]
    expect(declared.length).toBeGreaterThan(15)
    for (const { index, 1: several, 2: one } of declared)
      for (const name of (several ?? one ?? '').split(', ').map((part) => part.split(': ').at(-1)))
        expect(steps.slice(0, index), name).not.toMatch(new RegExp(`(?<![.\\w])${name}\\b(?!:)`))
  })

  test('reads the environment only where the table gives a reason', () => {
    const written = sources.filter(({ file }) => file.startsWith('src/') && !file.startsWith('src/generated/'))
    const readers = written.filter(({ readsEnvironment }) => readsEnvironment)
    expect(readers.map(({ file }) => file).sort()).toEqual([...ENVIRONMENT_READERS.keys()].sort())
  })
})

describe('importing a module', () => {
  // main.ts is the program itself: importing it is running it.
  const modules = files.filter((file) => file.startsWith('src/') && file !== 'src/main.ts')

  test('does nothing: a process that imports all of src prints nothing, reads no environment and ends', {
    timeout: 30_000,
  }, async () => {
    const loaded = await loadAlone(modules.map((file) => pathToFileURL(join(ROOT, file)).href))
    expect(loaded).toEqual({ exitCode: 0, output: '' })
  })

  test('that does something is noticed', { timeout: 30_000 }, async () => {
    const module = (text: string) => `data:text/javascript,${encodeURIComponent(text)}`
    const [prints, waits, reads, throws] = await Promise.all([
      loadAlone([module('console.log("here I am")')]),
      loadAlone([module('setInterval(() => {}, 60_000)')], { timeoutMs: 1500 }),
      loadAlone([module('export const key = process.env.FAL_KEY')], { watched: ['data:text/javascript'] }),
      loadAlone([module('throw new Error("no database")')]),
    ])
    expect(prints).toEqual({ exitCode: 0, output: 'here I am\n' })
    expect(waits).toMatchObject({ exitCode: null })
    expect(reads.output).toContain('reads FAL_KEY of the environment')
    expect(throws).toMatchObject({ exitCode: 1, output: expect.stringContaining('no database') })
  })
})

describe('the check', () => {
  function problemsOf(file: string, text: string): string[] {
    return parseSource(file, text).imports.flatMap((arrow) => findProblem(arrow) ?? [])
  }

  test.each([
    [
      'a schema file with the database',
      'src/schema/video.ts',
      "import { openDatabase } from '../adapters/postgres/client.ts'",
    ],
    [
      'a schema file with a type of an adapter',
      'src/schema/video.ts',
      "import type { Database } from '../adapters/postgres/client.ts'",
    ],
    ['a schema file with a domain value', 'src/schema/job.ts', "import { isTerminal } from '../updates/job-status.ts'"],
    [
      'a schema file that loads a domain module for a type',
      'src/schema/job.ts',
      "import { type Job } from '../jobs/jobs.ts'",
    ],
    [
      'a resolver with the fal adapter',
      'src/resolvers/jobs.ts',
      "import { createFal } from '../adapters/fal/client.ts'",
    ],
    [
      'a resolver with a domain module that acts',
      'src/resolvers/jobs.ts',
      "import { createJobs } from '../jobs/jobs.ts'",
    ],
    [
      'a resolver with a Prisma value',
      'src/resolvers/jobs.ts',
      "import { Prisma } from '../generated/prisma/client.ts'",
    ],
    ['the server with the schema', 'src/server/graphql.ts', "import { schema } from '../schema/index.ts'"],
    ['the server with a domain type', 'src/server/http.ts', "import type { Jobs } from '../jobs/jobs.ts'"],
    ['jobs with the relay', 'src/jobs/jobs.ts', "export { relayJob } from '../relay/relay.ts'"],
    ['updates with jobs', 'src/updates/hub.ts', "import type { Job } from '../jobs/jobs.ts'"],
    ['the relay with the queue itself', 'src/relay/worker.ts', "import { openQueue } from '../adapters/queue.ts'"],
    [
      'the relay with more of fal than its error',
      'src/relay/worker.ts',
      "import { createFal } from '../adapters/fal/client.ts'",
    ],
    ['the relay with GraphQL', 'src/relay/worker.ts', "import { GraphQLError } from 'graphql'"],
    [
      'an adapter with the log',
      'src/adapters/postgres/client.ts',
      "const log = await import('../../updates/update-log.ts')",
    ],
    [
      'an adapter with a type of the log',
      'src/adapters/postgres/client.ts',
      "export type Log = import('../../updates/update-log.ts').UpdateLog",
    ],
    [
      'fal’s client outside its adapter',
      'src/adapters/postgres/client.ts',
      "import * as fal from '@fal-ai/serverless-client'",
    ],
    ['the engine outside its adapter', 'src/app.ts', "import { PgBoss } from 'pg-boss'"],
    ['main that constructs', 'src/run.ts', "import { createHub } from './updates/hub.ts'"],
    ['the source with the migrate command', 'src/app.ts', "import '../prisma/migrate.ts'"],
    ['the command line with the studio', 'cli/video.ts', "import '../studio/src/format/time.ts'"],
    ['the Postgres adapter with fal', 'src/adapters/postgres/pool.ts', "import { FalError } from '../fal/errors.ts'"],
    ['the source with the sandbox', 'src/app.ts', "export * from '../sandbox/main.ts'"],
    ['the source with the tests', 'src/app.ts', "import '../test/helpers/until.ts'"],
    ['the sandbox with the source', 'sandbox/main.ts', "import type { Config } from '../src/config.ts'"],
    ['the command line with the source', 'cli/main.ts', "import { readConfig } from '../src/config.ts'"],
    [
      'migrations with the hub',
      'src/adapters/postgres/migrations/migrate.ts',
      "import { createHub } from '../../../updates/hub.ts'",
    ],
    ['a file without a rule', 'src/utils.ts', "import 'node:fs'"],
  ])('finds %s', (_name, file, text) => {
    expect(problemsOf(file, text)).toHaveLength(1)
  })

  test.each([
    ['src/relay/finish.ts', "import { FalError } from '../adapters/fal/errors.ts'"],
    ['src/updates/update-log.ts', "import { Prisma } from '../generated/prisma/client.ts'"],
    ['src/schema/job.ts', "import type { Job } from '../jobs/jobs.ts'"],
    ['src/resolvers/updates.ts', "import { parseCursor } from '../updates/cursor.ts'"],
    ['src/server/graphql.ts', "import { createYoga } from 'graphql-yoga'"],
    ['src/app.ts', "import { schema } from './schema/index.ts'"],
  ])('lets pass what %s may import', (file, text) => {
    expect(problemsOf(file, text)).toEqual([])
  })

  test('does not take words in comments and texts for imports', () => {
    const text = `// import './schema/index.ts'\nexport const text = "import { x } from '../schema/index.ts'"`
    expect(parseSource('src/adapters/postgres/client.ts', text)).toEqual({
      file: 'src/adapters/postgres/client.ts',
      imports: [],
      readsEnvironment: false,
    })
  })

  test.each([
    'process.env.FAL_KEY',
    "process['env']",
    'const { FAL_KEY } = process.env',
    "import { env } from 'node:process'",
  ])('sees that `%s` reads the environment', (text) => {
    expect(parseSource('src/adapters/postgres/client.ts', text).readsEnvironment).toBe(true)
  })

  test('refuses an import whose target is computed', () => {
    expect(() => parseSource('src/app.ts', 'await import(name)')).toThrow(
      'src/app.ts imports something that is computed',
    )
  })
})
