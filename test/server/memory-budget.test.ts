import { expect, test } from 'vitest'
import { createMemoryBudget, MAX_BODY_BYTES, MAX_OPERATION_BYTES } from '../../src/server/memory-budget.ts'

const MB = 1024 * 1024

function fill(budget: ReturnType<typeof createMemoryBudget>, bytes: number) {
  const leases = []
  for (;;) {
    const lease = budget.open()
    if (!lease.extend(bytes)) return { leases, refused: lease }
    leases.push(lease)
  }
}

test('a process of 700 MB accepts one image of the largest size at a time, one of 4 GB several', () => {
  expect(fill(createMemoryBudget(700 * MB), MAX_BODY_BYTES).leases).toHaveLength(1)
  expect(fill(createMemoryBudget(4096 * MB), MAX_BODY_BYTES).leases).toHaveLength(6)
})

test('even the smallest process accepts one', () => {
  expect(fill(createMemoryBudget(64 * MB), MAX_BODY_BYTES).leases).toHaveLength(1)
})

test('images leave room for requests without one', () => {
  const budget = createMemoryBudget(700 * MB)
  fill(budget, MAX_OPERATION_BYTES + MB)
  expect(budget.open().extend(MAX_OPERATION_BYTES)).toBe(true)
})

test('released memory can be charged again, once', () => {
  const budget = createMemoryBudget(700 * MB)
  const { leases, refused } = fill(budget, MAX_OPERATION_BYTES)
  refused.release()
  expect(budget.open().extend(MAX_OPERATION_BYTES)).toBe(false)
  leases[0]?.release()
  leases[0]?.release()
  expect(fill(budget, MAX_OPERATION_BYTES).leases).toHaveLength(1)
})

test('what arrives for a request that has ended is refused', () => {
  const lease = createMemoryBudget(700 * MB).open()
  lease.release()
  expect(lease.extend(1)).toBe(false)
})

test('a body that comes in pieces costs what it costs in one', () => {
  const budget = createMemoryBudget(700 * MB)
  const lease = budget.open()
  for (let bytes = 0; bytes < MAX_BODY_BYTES; bytes += 64 * 1024) expect(lease.extend(64 * 1024)).toBe(true)
  expect(lease.receivedBytes).toBe(MAX_BODY_BYTES)
  expect(budget.open().extend(MAX_BODY_BYTES)).toBe(false)
  lease.release()
  expect(budget.open().extend(MAX_BODY_BYTES)).toBe(true)
})

test('a file that was read leaves memory for the next, and releases the rest', () => {
  const budget = createMemoryBudget(700 * MB)
  const lease = budget.open()
  lease.extend(MAX_BODY_BYTES)
  lease.releaseAllButFile()
  lease.releaseAllButFile()
  expect(lease.receivedBytes).toBe(MAX_BODY_BYTES)
  expect(budget.open().extend(10 * MB)).toBe(true)
  expect(budget.open().extend(MB)).toBe(false)
  lease.release()
  lease.releaseAllButFile()
  expect(budget.open().extend(MB)).toBe(true)
  expect(budget.open().extend(6 * MB)).toBe(false)
})

test('chunks of a byte cost what they take, not what is in them', () => {
  const lease = createMemoryBudget(700 * MB).open()
  let chunks = 0
  while (chunks < 2_000_000 && lease.extend(1)) chunks++
  expect(chunks).toBeLessThan(400_000)
})

test('reserved memory counts for all requests, and a large share leaves memory for small ones', () => {
  const budget = createMemoryBudget(700 * MB)
  const lease = budget.open()
  while (lease.reserve(MB));
  expect(budget.open().reserve(MB)).toBe(false)
  expect(budget.open().reserve(1024)).toBe(true)
  lease.release()
  expect(budget.open().reserve(MB)).toBe(true)
})
