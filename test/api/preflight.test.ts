import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ListJobsDocument } from '../../operations/generated/graphql.ts'
import { isPreflighted, PREFLIGHT_HEADERS } from '../../src/server/csrf.ts'
import { request } from '../helpers/graphql-client.ts'
import { EXAMPLE_IMAGE_URL, openRig, type Rig } from './rig.ts'

const APP = 'https://app.example.com'
const MUTATION = `mutation { generateVideo(input: { imageUrl: "${EXAMPLE_IMAGE_URL}" }) { __typename } }`
const JSON_BODY = JSON.stringify({ query: MUTATION })

let rig: Rig

beforeAll(async () => {
  rig = await openRig({ fal: 'unavailable', config: { allowedOrigins: [APP] } })
})

afterAll(async () => {
  await rig.close()
})

const countJobs = async () => (await request(rig.url, ListJobsDocument)).data.jobs.edges.length

async function send(init: RequestInit & { query?: string }) {
  const url = new URL(`${rig.url}/graphql`)
  if (init.query !== undefined) url.searchParams.set('query', init.query)
  const response = await fetch(url, init)
  const { data, errors } = (await response.json()) as {
    data?: unknown
    errors?: { message: string; extensions: { code: string } }[]
  }
  return { status: response.status, data, code: errors?.[0]?.extensions.code, message: errors?.[0]?.message }
}

function multipart(): FormData {
  const form = new FormData()
  form.set('operations', JSON_BODY)
  form.set('map', '{}')
  return form
}

describe('a POST that needs no preflight runs nothing:', () => {
  test.each<[string, BodyInit, string | null]>([
    ['a form', new URLSearchParams({ query: MUTATION }), null],
    ['JSON as text', JSON_BODY, 'text/plain'],
    ['JSON of no type', new Blob([JSON_BODY]), null],
    ['JSON of an empty type', JSON_BODY, ''],
    ['a document', MUTATION, 'application/graphql'],
    ['JSON as another type', JSON_BODY, 'application/jsonp'],
    ['text that is JSON too', JSON_BODY, 'text/plain; application/json'],
    ['text, then JSON', JSON_BODY, 'text/plain, application/json'],
    ['JSON, then text', JSON_BODY, 'application/json, text/plain'],
    ['JSON in UTF-16', Buffer.from(JSON_BODY, 'utf16le'), 'application/json; charset=utf-16'],
    ['JSON in UTF-7', JSON_BODY, 'application/json; charset="utf-7"'],
    ['JSON in two character sets', JSON_BODY, 'application/json; charset=utf-8; charset=utf-16'],
    ['another multipart type', JSON_BODY, 'multipart/mixed; boundary=a'],
  ])('%s', async (_name, body, type) => {
    const before = await countJobs()
    expect(await send({ method: 'POST', body, ...(type !== null && { headers: { 'content-type': type } }) })).toEqual({
      status: 415,
      code: 'UNSUPPORTED_MEDIA_TYPE',
      message: expect.stringContaining('application/json'),
    })
    expect(await countJobs()).toBe(before)
  })

  test('a multipart form', async () => {
    const before = await countJobs()
    for (const headers of [{}, { 'graphql-require-preflight': '' }, { accept: 'application/json' }])
      expect(await send({ method: 'POST', body: multipart(), headers })).toEqual({
        status: 403,
        code: 'PREFLIGHT_REQUIRED',
        message: expect.stringContaining('"graphql-require-preflight: true"'),
      })
    expect(await countJobs()).toBe(before)
  })
})

test.each([
  'application/json',
  'Application/JSON',
  'application/json;charset=UTF-8',
  'application/json ; charset="utf-8"',
  'application/json; charset=utf8',
  'application/graphql-response+json',
  'application/graphql+json; charset=utf-8',
])('a POST of the type %s runs', async (type) => {
  const body = JSON.stringify({ query: '{ __typename }' })
  expect(await send({ method: 'POST', body, headers: { 'content-type': type } })).toMatchObject({
    status: 200,
    data: { __typename: 'Query' },
  })
})

describe('a GET', () => {
  test('runs nothing without a header that asks for a preflight', async () => {
    const refused = { status: 403, code: 'PREFLIGHT_REQUIRED' }
    expect(await send({ query: '{ __typename }' })).toMatchObject(refused)
    expect(await send({ query: '{ __typename }', headers: { 'content-type': 'text/plain' } })).toMatchObject(refused)
    expect(await send({ query: MUTATION })).toMatchObject(refused)
  })

  test.each([...PREFLIGHT_HEADERS])('runs with %s, and multipart does', async (name) => {
    const headers = { [name]: 'true' }
    expect(await send({ query: '{ __typename }', headers })).toMatchObject({
      status: 200,
      data: { __typename: 'Query' },
    })
    expect(await send({ method: 'POST', body: multipart(), headers })).toMatchObject({ status: 200, code: undefined })
  })

  test('runs with the content type that Apollo Client gives it', async () => {
    const headers = { 'content-type': 'application/json' }
    expect(await send({ query: '{ __typename }', headers })).toMatchObject({ status: 200 })
  })

  test('opens no event stream without such a header', async () => {
    const url = `${rig.url}/graphql?query=${encodeURIComponent('subscription { jobFeed { __typename } }')}`
    const response = await fetch(url, { headers: { accept: 'text/event-stream' } })
    expect(await response.text()).toContain('PREFLIGHT_REQUIRED')
  })

  test('runs no mutation even so', async () => {
    expect(await send({ query: MUTATION, headers: { 'graphql-require-preflight': 'true' } })).toMatchObject({
      status: 405,
    })
  })
})

/** @see https://fetch.spec.whatwg.org/#cors-safelisted-request-header */
test('no header that a page may send to another site without a preflight counts for one', () => {
  const safelisted = [
    ['accept', 'application/json'],
    ['accept-language', 'en'],
    ['content-language', 'en'],
    ['range', 'bytes=0-'],
    ['save-data', 'on'],
    ['content-type', 'text/plain; charset=application/json'],
    ['content-type', 'multipart/form-data; boundary=application/json'],
    ['content-type', 'application/x-www-form-urlencoded, application/json'],
  ] as const
  for (const [name, value] of safelisted)
    expect([name, isPreflighted(new Headers({ [name]: value }))]).toEqual([name, false])
})

test('the preflight of an allowed origin allows the header', async () => {
  const response = await fetch(`${rig.url}/graphql`, {
    method: 'OPTIONS',
    headers: {
      origin: APP,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'graphql-require-preflight',
    },
  })
  expect(response.status).toBe(204)
  expect(response.headers.get('access-control-allow-headers')).toBe('graphql-require-preflight')
})
