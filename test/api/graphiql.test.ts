import { get, type IncomingHttpHeaders } from 'node:http'
import { buildClientSchema, getIntrospectionQuery, type IntrospectionQuery, parse, validate } from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { request } from '../helpers/graphql-client.ts'
import { openRig, type Rig } from './rig.ts'

let rig: Rig
let html: string
/** The files that the page loads, by their addresses. */
const files = new Map<string, string>()

const openPage = (url: string) => fetch(`${url}/graphql`, { headers: { accept: 'text/html,*/*;q=0.8' } })

beforeAll(async () => {
  rig = await openRig({ fal: 'unavailable' })
  const response = await openPage(rig.url)
  expect(response.headers.get('content-type')).toMatch(/^text\/html/)
  html = await response.text()
  for (const [address] of html.matchAll(/\bgraphiql\/[\w-]+\.(?:js|css)/g))
    files.set(address, await (await fetch(new URL(address, `${rig.url}/graphql`))).text())
})

afterAll(async () => {
  await rig.close()
})

/** What the page gives to its own script. */
function readOptions(): { subscriptionsProtocol: string; defaultTabs: { query: string; variables?: string }[] } {
  const settings = /<script type="application\/json" id="settings">(.*?)<\/script>/.exec(html)?.[1]
  return JSON.parse(settings ?? 'null').options
}

test('the page is small, and the 9 MB that it loads are compressed and kept by the browser', async () => {
  expect(html.length).toBeLessThan(10_000)
  expect([...files.keys()].map((address) => address.replace(/-[\w-]{12}\./, '.'))).toEqual([
    'graphiql/graphiql.css',
    'graphiql/editor-worker.js',
    'graphiql/json-worker.js',
    'graphiql/graphql-worker.js',
    'graphiql/graphiql.js',
  ])
  let compressed = 0
  for (const address of files.keys()) {
    const answer = await requestCompressed(`${rig.url}/${address}`)
    expect(answer.headers).toMatchObject({
      'cache-control': 'public, max-age=31536000, immutable',
      'content-encoding': 'gzip',
      'x-content-type-options': 'nosniff',
    })
    compressed += answer.bytes
  }
  const plain = [...files.values()].reduce((sum, text) => sum + text.length, 0)
  expect(plain).toBeGreaterThan(8_000_000)
  expect(compressed).toBeLessThan(3_000_000)
  expect((await fetch(`${rig.url}/graphiql/graphiql-000000000000.js`)).status).toBe(404)
})

test('every address in the page is relative to it: it works under a path too, and leads back to the studio', () => {
  const addresses = [...html.matchAll(/\b(?:src|href)=\\?"([^"\\]*)/g)].map(([, address]) => address)
  expect(addresses.filter((address) => address !== 'data:,' && !address?.startsWith('graphiql/'))).toEqual(['./', './'])
})

test('where GraphiQL is off, a person reads how to ask', async () => {
  const closed = await openRig({
    fal: 'unavailable',
    config: { graphiql: false, publicUrl: 'https://reelay.example.com/a&b' },
  })
  try {
    const response = await openPage(closed.url)
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
    const page = await response.text()
    expect(page).toContain('GRAPHIQL=true')
    expect(page).toContain('curl https://reelay.example.com/a&amp;b/graphql ')
    expect(page).toContain('<a href="./">')
    expect(page).not.toContain('<script')
    const address = [...files.keys()][0]
    expect((await fetch(`${closed.url}/${address}`)).status).toBe(404)
    const query = /'(\{"query".*\})'/.exec(page)?.[1] ?? ''
    expect(await request(closed.url, (JSON.parse(query) as { query: string }).query)).toMatchObject({ errors: [] })
  } finally {
    await closed.close()
  }
})

test('GraphiQL opens with four ready-made tabs, and subscribes over a WebSocket', () => {
  const { defaultTabs, subscriptionsProtocol } = readOptions()
  expect(defaultTabs.map(({ query }) => /^# (\d\. \w+)/.exec(query)?.[1])).toEqual([
    '1. Generate',
    '2. Watch',
    '3. List',
    '4. Cancel',
  ])
  expect(subscriptionsProtocol).toBe('WS')
})

test.each([0, 1, 2, 3])('the tab at place %d is a valid document, and its variables are JSON', async (place) => {
  const { query, variables = '{}' } = readOptions().defaultTabs[place] ?? { query: '' }
  const { data } = await request<IntrospectionQuery>(rig.url, getIntrospectionQuery())
  expect(validate(buildClientSchema(data), parse(query))).toEqual([])
  expect(JSON.parse(variables)).toBeTypeOf('object')
  // What stands further to the right is out of sight on a laptop.
  expect(query.split('\n').filter((line) => line.length > 50)).toEqual([])
})

describe('the page loads nothing from another host:', () => {
  const FOREIGN = String.raw`\s*["'\`]?\s*(?:https?:)?//[^"'\`\s)>]*`
  /** As a literal of JavaScript; the workers' scripts are literals themselves, with escaped quotes. */
  const LITERAL = String.raw`\s*\\*["'\`](?:https?:|wss?:)?//`
  const read = (ending: string) =>
    [...files].flatMap(([address, text]) => (address.endsWith(ending) ? [text] : [])).join('\n')
  const find = (text: string, start: string, target = FOREIGN) =>
    [...text.matchAll(new RegExp(start + target, 'gi'))].map(([hit]) => hit)

  test('no script, style sheet, image, frame or form', () => {
    expect(find(html, String.raw`\b(?:src|srcset|href|action|data|poster)\s*=`)).toEqual([])
  })

  test('no @import and no url() in its styles', () => {
    expect(read('.css').length).toBeGreaterThan(10_000)
    expect(find(read('.css'), String.raw`@import\s*(?:url\()?`)).toEqual([])
    expect(find(read('.css'), String.raw`url\(`)).toEqual([])
  })

  test('no import, fetch, worker, socket, event source or script element in its scripts', () => {
    const loaders = [
      String.raw`\bimport\s*\(?`,
      String.raw`\bfrom`,
      String.raw`\bimportScripts\s*\(`,
      String.raw`\bfetch\s*\(`,
      String.raw`\bnew\s+(?:Worker|SharedWorker|WebSocket|EventSource|Request|Image)\s*\(`,
      String.raw`\.open\(\s*\\*["'](?:GET|POST)\\*["']\s*,`,
      String.raw`\.(?:src|href)\s*=`,
      String.raw`\.setAttribute\(\s*\\*["'](?:src|href)\\*["']\s*,`,
    ]
    for (const loader of loaders) expect(find(read('.js'), loader, LITERAL)).toEqual([])
    // The check finds what it looks for.
    expect(find('import x from "https://cdn.example/x.js"', String.raw`\bfrom`, LITERAL)).toHaveLength(1)
    expect(find(String.raw`importScripts(\"//cdn.example/x.js\")`, loaders[2] ?? '', LITERAL)).toHaveLength(1)
  })
})

/** As it was sent: fetch unpacks. */
function requestCompressed(url: string): Promise<{ headers: IncomingHttpHeaders; bytes: number }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ headers: IncomingHttpHeaders; bytes: number }>()
  const asked = get(url, { headers: { 'accept-encoding': 'gzip' } }, async (answer) => {
    let bytes = 0
    for await (const chunk of answer) bytes += (chunk as Buffer).length
    resolve({ headers: answer.headers, bytes })
  })
  asked.once('error', reject)
  return promise
}
