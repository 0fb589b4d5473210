import { describe, expect, test } from 'vitest'
import type { Services } from '../../src/context.ts'
import { schema } from '../../src/schema/index.ts'
import { createGraphQLServer } from '../../src/server/graphql.ts'
import { measureCpuMs } from '../helpers/cpu.ts'

const graphql = createGraphQLServer({
  schema,
  services: {} as Services, // no operation here gets as far as a resolver
  findOriginProblem: () => null,
  introspection: true,
  hideSuggestions: true,
  onError: () => {},
})

const QUERY = 'mutation($input: GenerateVideoInput!) { generateVideo(input: $input) { __typename } }'

async function execute(variableValues: Record<string, unknown>) {
  const params = { query: QUERY }
  const { parse, execute, contextFactory } = graphql.getEnveloped({ request: { method: 'POST' }, params })
  const contextValue = await contextFactory()
  const document = parse(QUERY)
  const work = async () => await execute({ schema, document, variableValues, contextValue })
  const { result, cpuMs } = await measureCpuMs(work)
  return { errors: result.errors as Error[], cpuMs }
}

const text = 'x'.repeat(15_000_000)
const fields = Object.fromEntries(Array.from({ length: 300_000 }, (_, index) => [`k${index}`, index]))
const list = Array(3_000_000).fill(1)

describe('15 MB in the wrong place are not looked through:', () => {
  test.each<[string, unknown]>([
    ['a text as the input', text],
    ['a text as a number', { imageUrl: text, fps: text, seed: text, condAug: text }],
    ['a text in an object as a number', { fps: { a: { b: text } } }],
    ['texts of unknown fields', { a: text, b: [text], c: { d: text } }],
    ['unknown fields', fields],
    ['an object of fields as a text', { imageUrl: fields, idempotencyKey: fields }],
    ['a list as the input', list],
    ['a list as a number', { fps: list }],
  ])('%s', async (_what, input) => {
    const { errors, cpuMs } = await execute({ input })
    // Looked through, the texts and fields take seconds, or more memory than there is.
    expect(cpuMs).toBeLessThan(500)
    expect(errors.length).toBeGreaterThan(0)
    expect(errors.length).toBeLessThanOrEqual(10)
    for (const { message } of errors) expect(message.length).toBeLessThan(250)
  })
})
