/** Clients with a persisted-query link send a hash first, and the query when the server does not know it. */
import { createHash } from 'node:crypto'
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { createPersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openRig, type Rig } from './rig.ts'

let rig: Rig

beforeAll(async () => {
  rig = await openRig({ fal: 'unavailable' })
})

afterAll(async () => {
  await rig.close()
})

test.each([
  ['POST', false],
  ['GET', true],
])('Apollo Client with such a link, by %s, gets its data, and asks by a hash once', async (method, usesGet) => {
  const asked: string[] = []
  const link = createPersistedQueryLink({
    sha256: (text: string) => createHash('sha256').update(text).digest('hex'),
    useGETForHashedQueries: usesGet,
  })
  const http = new HttpLink({
    uri: `${rig.url}/graphql`,
    fetch: async (url, init) => {
      asked.push(`${init?.method} ${/"query"/.test(String(init?.body)) ? 'query' : 'hash'}`)
      return await fetch(url, init)
    },
  })
  const client = new ApolloClient({ cache: new InMemoryCache(), link: ApolloLink.from([link, http]) })
  for (const query of [gql`{ jobs { totalCount } }`, gql`{ jobs(first: 1) { totalCount } }`])
    expect((await client.query({ query })).data).toMatchObject({ jobs: { totalCount: 0 } })
  expect(asked).toEqual([`${method} hash`, 'POST query', 'POST query'])
})

const HASH = { persistedQuery: { version: 1, sha256Hash: '0'.repeat(64) } }

test.each([
  ['POST', () => ({ method: 'POST', body: JSON.stringify({ extensions: HASH }) })],
  ['GET', () => ({})],
])('a hash alone by %s is answered with 200 and the words that clients look for', async (method, init) => {
  const search = method === 'GET' ? `?extensions=${encodeURIComponent(JSON.stringify(HASH))}` : ''
  const headers = { ...(method === 'POST' && { 'content-type': 'application/json' }), accept: 'application/json' }
  const response = await fetch(`${rig.url}/graphql${search}`, { ...init(), headers })
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toContain('application/json')
  expect(await response.json()).toEqual({
    errors: [{ message: 'PersistedQueryNotSupported', extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' } }],
  })
})
