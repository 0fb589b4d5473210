import { expect, test } from 'vitest'
import { createTurns } from '../../../src/adapters/postgres/turns.ts'

/** Who went on, in which turn of the event loop. */
async function listTurns(weights: readonly number[]): Promise<{ order: number[]; turns: number[] }> {
  const { wait } = createTurns()
  let turn = 0
  const count = () => {
    turn++
    counting = setImmediate(count)
  }
  let counting = setImmediate(count)
  const order: number[] = []
  const turns: number[] = []
  await Promise.all(
    weights.map(async (weight) => {
      await wait(weight)
      order.push(weight)
      turns.push(turn)
    }),
  )
  clearImmediate(counting)
  return { order, turns }
}

test('each caller continues in a separate turn', async () => {
  const { turns } = await listTurns(Array.from({ length: 20 }, () => 1))
  expect(new Set(turns).size).toBe(20)
})

test('the oldest and the lightest continue alternately', async () => {
  expect((await listTurns([50, 90, 80, 2, 70, 1, 1.5])).order).toEqual([50, 1, 90, 1.5, 80, 2, 70])
})

test('callers that arrive while others wait get their turn too', async () => {
  const { wait } = createTurns()
  const order: string[] = []
  const first = wait(1).then(async () => {
    order.push('first')
    await wait(1)
    order.push('first again')
  })
  await Promise.all([first, wait(2).then(() => order.push('second'))])
  await wait(1)
  expect(order.toSorted()).toEqual(['first', 'first again', 'second'])
})
