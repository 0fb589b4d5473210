import { buildSchema, GraphQLError, subscribe } from 'graphql'
import { createYoga, type Plugin } from 'graphql-yoga'
import { expect, test } from 'vitest'
import { answerLongPolls } from '../../src/server/long-polling.ts'
import { createMemoryBudget } from '../../src/server/memory-budget.ts'
import type { RequestContext } from '../../src/server/request-parser.ts'
import { until } from '../helpers/until.ts'

const schema = buildSchema('type Query { a: Int } type Subscription { text: String }')

/** Polls a subscription that yields these texts and then waits, or ends. Tells whether it has been ended. */
async function poll(
  texts: Iterable<string>,
  { onBegin = async () => {}, signal, memory = createMemoryBudget().open(), isOver = false }: PollOptions = {},
) {
  let isEnded = false
  const source = {
    iterator: texts[Symbol.iterator](),
    next: async () => {
      const { done, value } = source.iterator.next()
      if (!done) return { done: false, value: { text: value } }
      return isOver ? { done: true, value: undefined } : await new Promise(() => {})
    },
    return: async () => {
      isEnded = true
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]: () => source,
  }
  const yoga = createYoga<RequestContext>({
    schema,
    logging: false,
    maskedErrors: false,
    plugins: [
      {
        onSubscribe: ({ setSubscribeFn }) =>
          setSubscribeFn(async (args: Parameters<typeof subscribe>[0]) => {
            await onBegin()
            return await subscribe({ ...args, subscribeFieldResolver: () => source })
          }),
      } satisfies Plugin,
      answerLongPolls(),
    ],
  })
  const request = {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', prefer: 'wait=1' },
    body: JSON.stringify({ query: 'subscription { text }' }),
    ...(signal && { signal }),
  }
  const answer = Promise.resolve(yoga.fetch('http://localhost/graphql', request, { memory }))
  return { answer, isEnded: () => isEnded }
}

interface PollOptions {
  onBegin?(): Promise<void>
  signal?: AbortSignal
  memory?: RequestContext['memory']
  isOver?: boolean
}

function* repeat(text: string, count: number) {
  for (let i = 0; i < count; i++) yield text
}

test('a subscription ends when its client disconnects while it starts', async () => {
  const leaving = new AbortController()
  const { answer, isEnded } = await poll([], {
    signal: leaving.signal,
    onBegin: async () => leaving.abort(),
  })
  answer.catch(() => {})
  await until(isEnded, { what: 'the end of the subscription' })
})

test('one answer has 100 results or some 500,000 characters, and ends the subscription', async () => {
  const many = await poll(repeat('a', 1000))
  expect(await (await many.answer).json()).toHaveLength(100)
  expect(many.isEnded()).toBe(true)
  const long = await poll(repeat('a'.repeat(200_000), 1000))
  expect(await (await long.answer).json()).toHaveLength(3)
  expect(long.isEnded()).toBe(true)
})

test('a response omits results beyond the memory budget, and does not say that the subscription is complete', async () => {
  const memory = createMemoryBudget(1).open()
  while (memory.reserve(1_000_000));
  while (memory.reserve(10_000));
  const { answer, isEnded } = await poll(repeat('a'.repeat(1000), 50), { memory, isOver: true })
  const results = (await (await answer).json()) as object[]
  expect(results.length).toBeLessThan(6)
  expect(results).not.toContainEqual({ hasNext: false })
  expect(isEnded()).toBe(true)
})

test('an error ends the list, and is written as in any other answer', async () => {
  const failing = {
    *[Symbol.iterator]() {
      yield 'a'
      throw new GraphQLError('too slow', { extensions: { code: 'SLOW', http: { status: 503 } } })
    },
  }
  const { answer } = await poll(failing)
  const response = await answer
  expect(await response.json()).toEqual([
    { data: { text: 'a' } },
    { errors: [{ message: 'too slow', extensions: { code: 'SLOW' } }] },
    { hasNext: false },
  ])
})
