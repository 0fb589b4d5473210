import { inspect } from 'node:util'
import { buildSchema, execute, GraphQLError, parse, validate } from 'graphql'
import { describe, expect, test } from 'vitest'
import {
  type DomainError,
  FeedLaggedError,
  InvalidArgumentError,
  InvalidInputError,
  JobNotFoundError,
  LimitExceededError,
  ServiceUnavailableError,
} from '../../src/errors.ts'
import { shortenError, toClientError } from '../../src/server/errors.ts'

const SECRET = 'postgres://admin:hunter2@db.internal/reelay'
const schema = buildSchema('type Query { field(count: Int): Nested } type Nested { deep: String }')

interface Reported {
  error: unknown
  context: { stage: string; id?: string }
}

/** What a client receives when a resolver throws this, and what is logged. */
async function tell(thrown: unknown) {
  const reported: Reported[] = []
  const rootValue = {
    field: () => ({
      deep: () => {
        throw thrown
      },
    }),
  }
  const { errors } = await execute({ schema, document: parse('{ field { deep } }'), rootValue })
  const [error] = errors ?? []
  const seen = toClientError(error, (reason, context) => reported.push({ error: reason, context }))
  return { seen, json: JSON.parse(JSON.stringify(seen)), text: JSON.stringify(seen), reported }
}

describe('an unexpected error', () => {
  test.each<[string, unknown]>([
    ['an Error', new Error(`cannot connect to ${SECRET}`)],
    ['an Error with a cause', new Error('no', { cause: new Error(SECRET) })],
    [
      'an Error with a code and fields',
      Object.assign(new Error(SECRET), { code: SECRET, extensions: { secret: SECRET } }),
    ],
    ['an AggregateError', new AggregateError([new Error(SECRET)], SECRET)],
    ['a text', SECRET],
    ['an object', { message: SECRET }],
    ['nothing', undefined],
  ])('hides %s from the client', async (_name, thrown) => {
    const { json, text, seen } = await tell(thrown)
    expect(json.message).toBe('Unexpected error.')
    expect(json.extensions.code).toBe('INTERNAL_SERVER_ERROR')
    expect(text).not.toContain('hunter2')
    // The error has nothing more to format: no original error, no cause, no stack.
    expect(inspect(seen, { depth: 8, showHidden: true })).not.toContain('hunter2')
  })

  test('is reported once with all details, under the id that the client gets', async () => {
    const thrown = new Error(SECRET)
    const { json, reported } = await tell(thrown)
    expect(json.extensions.errorId).toMatch(/^[0-9a-f-]{36}$/)
    expect(reported).toEqual([{ error: thrown, context: { stage: 'graphql', id: json.extensions.errorId } }])
  })

  test('says at which field it happened', async () => {
    const { json } = await tell(new Error('no'))
    expect(json).toMatchObject({ path: ['field', 'deep'], locations: [{ line: 1, column: 11 }] })
  })

  test('has an id of its own each time', async () => {
    const [one, other] = await Promise.all([tell(new Error('no')), tell(new Error('no'))])
    expect(one.json.extensions.errorId).not.toBe(other.json.extensions.errorId)
  })

  test('need not come through GraphQL at all', () => {
    const seen = toClientError(new Error(SECRET), () => {})
    expect(JSON.stringify(seen)).not.toContain('hunter2')
    expect(seen.message).toBe('Unexpected error.')
  })
})

describe('a domain error', () => {
  test.each<[DomainError, string]>([
    [new JobNotFoundError(), 'JOB_NOT_FOUND'],
    [
      new InvalidInputError([{ path: ['input', 'fps'], code: 'TOO_SMALL', message: 'fps is too small.' }]),
      'INVALID_INPUT',
    ],
    [new LimitExceededError('Enough for today.', null), 'LIMIT_EXCEEDED'],
    [new FeedLaggedError(), 'FEED_LAGGED'],
    [new InvalidArgumentError('after', 'That is no cursor.'), 'BAD_USER_INPUT'],
    [new ServiceUnavailableError('Come back later.'), 'SERVICE_UNAVAILABLE'],
  ])('reaches the client with its message, code and location: %s', async (error, code) => {
    const { json } = await tell(error)
    expect(json).toMatchObject({ message: error.message, path: ['field', 'deep'], extensions: { code } })
  })

  test('is not logged', async () => {
    expect((await tell(new JobNotFoundError())).reported).toEqual([])
  })

  test('that names the unavailable dependency is sent; its cause is reported, and not sent', async () => {
    const error = new ServiceUnavailableError('Come back later.', { cause: new Error(SECRET) })
    const { text, reported } = await tell(error)
    expect(text).not.toContain('hunter2')
    expect(reported).toEqual([{ error, context: { stage: 'graphql' } }])
  })

  test('about an argument names it', async () => {
    expect((await tell(new InvalidArgumentError('after', 'That is no cursor.'))).json.extensions).toEqual({
      code: 'BAD_USER_INPUT',
      argument: 'after',
    })
  })
})

describe('GraphQL’s own error', () => {
  test('is sent unchanged, and not reported: syntax', () => {
    const reported: unknown[] = []
    try {
      parse('{ field ')
      expect.unreachable()
    } catch (error) {
      expect(toClientError(error, (reason) => reported.push(reason))).toBe(error)
    }
    expect(reported).toEqual([])
  })

  test('is sent unchanged, and not reported: validation', () => {
    const reported: unknown[] = []
    const [error] = validate(schema, parse('{ unknown }'))
    expect(toClientError(error, (reason) => reported.push(reason))).toBe(error)
    expect(reported).toEqual([])
  })

  test('thrown by a resolver keeps its message and extensions', async () => {
    const { json, reported } = await tell(new GraphQLError('Too complex.', { extensions: { code: 'TOO_COMPLEX' } }))
    expect(json).toMatchObject({ message: 'Too complex.', extensions: { code: 'TOO_COMPLEX' } })
    expect(reported).toEqual([])
  })

  test('thrown by a resolver says at which field it happened', async () => {
    const { json } = await tell(new GraphQLError('Too complex.'))
    expect(json).toMatchObject({ path: ['field', 'deep'] })
  })

  test('around a secret hides it', async () => {
    const { text } = await tell(new GraphQLError('Wrapped.', { originalError: new Error(SECRET) }))
    expect(text).not.toContain('hunter2')
  })
})

describe('an error that is long', () => {
  const document = parse(`{ ${'field { deep } '.repeat(20)} }`)
  const [operation] = document.definitions
  const nodes = operation?.kind === 'OperationDefinition' ? operation.selectionSet.selections : []

  test('says its first 500 characters and ten of its places', () => {
    const path = ['field']
    const extensions = { code: 'A' }
    const { message, ...rest } = shortenError(new GraphQLError('x'.repeat(1e6), { nodes, path, extensions })).toJSON()
    expect(message).toBe(`${'x'.repeat(499)}…`)
    expect(rest).toMatchObject({ path, extensions })
    expect(rest.locations).toHaveLength(10)
  })

  test('is shortened when a resolver throws it', async () => {
    const { json } = await tell(new InvalidArgumentError('after', 'x'.repeat(1000)))
    expect(json.message).toHaveLength(500)
    expect((await tell(new GraphQLError('x'.repeat(1000)))).json.message).toHaveLength(500)
  })

  test('keeps the position of a syntax error', () => {
    try {
      parse(`{ field(a: "${'x'.repeat(1000)}" }`)
      expect.unreachable()
    } catch (error) {
      const long = error as GraphQLError
      const short = shortenError(new GraphQLError(long.message.padEnd(1000), long))
      expect(short.locations).toEqual(long.locations)
    }
  })
})
