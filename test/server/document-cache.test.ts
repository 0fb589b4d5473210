import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import type { Services } from '../../src/context.ts'
import { schema } from '../../src/schema/index.ts'
import { createGraphQLServer } from '../../src/server/graphql.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const graphql = createGraphQLServer({
  schema,
  services: {} as Services, // nothing is executed here
  findOriginProblem: () => null,
  introspection: true,
  hideSuggestions: false,
  onError: () => {},
})

/** Parses and validates as every transport does. */
function check(query: string) {
  const { parse, validate, schema } = graphql.getEnveloped({ request: { method: 'POST' }, params: { query } })
  const document = parse(query)
  return { document, errors: validate(schema, document) }
}

test('a valid document is parsed once', () => {
  expect(check('{ node(id: "a") { id } }').document).toBe(check('{ node(id: "a") { id } }').document)
})

test('a document that is not valid is not kept, and refused each time', () => {
  const [first, second] = [check('{ nothing }'), check('{ nothing }')]
  expect(first.document).not.toBe(second.document)
  expect(second.errors).toHaveLength(1)
})

test('documents that are all different take no more memory than their bound', { timeout: 120_000 }, () => {
  // Some 400 kB each when it is parsed: as many as Yoga's own cache holds would be 400 MB.
  const large = '__typename '.repeat(900)
  check(`{ ${large} }`)
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < 5000; i++) check(`{ node(id: "${i}") { id } }`)
  for (let i = 0; i < 5000; i++) check(`{ nothing${i} }`)
  for (let i = 0; i < 1000; i++) check(`{ ${large} } # ${i}`)
  collectGarbage()
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(24 * 1024 * 1024)
})
