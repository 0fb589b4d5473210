import { readFile } from 'node:fs/promises'
import { parse, validate } from 'graphql'
import { expect, test } from 'vitest'
import { SCENARIOS } from '../sandbox/queue/scenarios.ts'
import { schema } from '../src/schema/index.ts'
import { GRAPHIQL_TABS } from '../src/server/graphiql-tabs.ts'

const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')

test('the README lists every scenario of the sandbox with its description', () => {
  for (const { imageUrl, description } of SCENARIOS) expect(readme).toContain(`| \`${imageUrl}\` | ${description} |`)
})

test('every query to paste is valid for this API', () => {
  const pasted = [...readme.matchAll(/```graphql\n(.*?)```/gs)].map(([, query]) => query ?? '')
  expect(pasted.length).toBeGreaterThan(0)
  for (const query of [...pasted, ...GRAPHIQL_TABS.map((tab) => tab.query)])
    expect(validate(schema, parse(query))).toEqual([])
})

test('the README lists exactly the settings that config.ts reads', async () => {
  const config = await readFile(new URL('../src/config.ts', import.meta.url), 'utf8')
  const read = [...config.matchAll(/^ +([A-Z][A-Z_]+): /gm)].map(([, name]) => name)
  const listed = [...readme.matchAll(/^\| (`[A-Z_]+`(?:, `[A-Z_]+`)*) \|/gm)].flatMap(([, names]) =>
    names?.replaceAll('`', '').split(', '),
  )
  expect(listed.toSorted()).toEqual(read.toSorted())
})
