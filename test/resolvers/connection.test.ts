import { describe, expect, test } from 'vitest'
import { InvalidArgumentError } from '../../src/errors.ts'
import { type PageArguments, parsePage, toConnection } from '../../src/resolvers/connection.ts'

const LIST = Array.from({ length: 10 }, (_, index) => `row${index}`)

/** A page of the list, as a store gives it: one row more than asked for, if there is one. */
function page(args: PageArguments) {
  const range = parsePage(args, (cursor) => cursor)
  const from = args.after == null ? 0 : LIST.indexOf(args.after) + 1
  const to = args.before == null ? LIST.length : LIST.indexOf(args.before)
  const rows = LIST.slice(from, to)
  return toConnection(range.fromEnd ? rows.slice(-range.limit) : rows.slice(0, range.limit), range, (row) => row)
}

describe('the arguments of a page', () => {
  test.each<[PageArguments, object]>([
    [{}, { limit: 21, fromEnd: false }],
    [
      { first: null, last: null, after: null, before: null },
      { limit: 21, fromEnd: false },
    ],
    [{ first: 1 }, { limit: 2, fromEnd: false }],
    [{ first: 100 }, { limit: 101, fromEnd: false }],
    [{ last: 1 }, { limit: 2, fromEnd: true }],
    [
      { first: null, last: 100 },
      { limit: 101, fromEnd: true },
    ],
    [
      { after: 'a', before: 'b' },
      { after: 'after a', before: 'before b', limit: 21, fromEnd: false },
    ],
  ])('%j read the rows of %j', (args, range) => {
    expect(parsePage(args, (cursor, argument) => `${argument} ${cursor}`)).toEqual(range)
  })

  test.each<[PageArguments, string]>([
    [{ first: 0 }, 'first'],
    [{ first: -1 }, 'first'],
    [{ first: 101 }, 'first'],
    [{ last: 0 }, 'last'],
    [{ last: 101 }, 'last'],
    [{ first: 1, last: 1 }, 'last'],
  ])('%j is refused by name', (args, argument) => {
    const call = () => parsePage(args, (cursor) => cursor)
    expect(call).toThrow(InvalidArgumentError)
    expect(call).toThrow(expect.objectContaining({ argument }))
  })
})

describe('a connection', () => {
  test('starts at the beginning and reports that the list continues', () => {
    const { edges, pageInfo } = page({ first: 3 })
    expect(edges).toEqual(['row0', 'row1', 'row2'].map((row) => ({ cursor: row, node: row })))
    expect(pageInfo).toEqual({ hasNextPage: true, hasPreviousPage: false, startCursor: 'row0', endCursor: 'row2' })
  })

  test.each([1, 2, 3, 4, 9, 10, 11])('walked forward by %d gives every row once, in order', (first) => {
    const seen: string[] = []
    for (let after: string | null = null; ; ) {
      const { edges, pageInfo } = page({ first, after })
      expect(pageInfo.hasPreviousPage).toBe(after !== null)
      seen.push(...edges.map(({ node }) => node))
      if (!pageInfo.hasNextPage) break
      after = pageInfo.endCursor
    }
    expect(seen).toEqual(LIST)
  })

  test.each([1, 2, 3, 4, 9, 10, 11])('walked backward by %d gives every row once, each page in list order', (last) => {
    const seen: string[] = []
    for (let before: string | null = null; ; ) {
      const { edges, pageInfo } = page({ last, before })
      expect(pageInfo.hasNextPage).toBe(before !== null)
      seen.unshift(...edges.map(({ node }) => node))
      if (!pageInfo.hasPreviousPage) break
      before = pageInfo.startCursor
    }
    expect(seen).toEqual(LIST)
  })

  test('without rows has no cursors and no further pages', () => {
    expect(toConnection<string>([], { limit: 6, fromEnd: false }, (row) => row)).toEqual({
      edges: [],
      pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
    })
  })

  test('between two cursors stays between them', () => {
    expect(page({ first: 10, after: 'row2', before: 'row5' }).edges.map(({ node }) => node)).toEqual(['row3', 'row4'])
  })
})
