import { buildClientSchema, getIntrospectionQuery, type IntrospectionQuery, parse, validate } from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { request } from '../helpers/graphql-client.ts'
import { openRig, type Rig } from './rig.ts'

let rig: Rig
let html: string

beforeAll(async () => {
  rig = await openRig({ fal: 'away' })
  const response = await fetch(`${rig.url}/graphql`, { headers: { accept: 'text/html,*/*;q=0.8' } })
  expect(response.headers.get('content-type')).toMatch(/^text\/html/)
  html = await response.text()
})

afterAll(async () => {
  await rig.close()
})

/** What the page gives to its own code at the end: one line of JSON, in the last call of its script. */
function readOptions(): { subscriptionsProtocol: string; defaultTabs: { query: string; variables?: string }[] } {
  const call = html.slice(html.lastIndexOf('renderYogaGraphiQL('))
  return JSON.parse(/^\s*(\{.*\}),$/m.exec(call)?.[1] ?? 'null')
}

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
  /** The markup alone: what stands in <script> and <style> is looked at by itself. */
  const markup = () => html.replace(/<script\b[^>]*>[\s\S]*?<\/script>|<style\b[^>]*>[\s\S]*?<\/style>/g, '')
  const styles = () => [...html.matchAll(/<style\b[^>]*>([\s\S]*?)<\/style>/g)].map(([, css]) => css).join('\n')
  const find = (text: string, start: string, target = FOREIGN) =>
    [...text.matchAll(new RegExp(start + target, 'gi'))].map(([hit]) => hit)

  test('no script, style sheet, picture, frame or form', () => {
    expect(find(markup(), String.raw`\b(?:src|srcset|href|action|data|poster)\s*=`)).toEqual([])
    // Every script is in the page itself.
    expect(html.match(/<script\b[^>]*\bsrc\s*=/g)).toBeNull()
  })

  test('no @import and no url() in its styles', () => {
    expect(styles().length).toBeGreaterThan(10_000)
    expect(find(styles(), String.raw`@import\s*(?:url\()?`)).toEqual([])
    expect(find(styles(), String.raw`url\(`)).toEqual([])
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
    for (const loader of loaders) expect(find(html, loader, LITERAL)).toEqual([])
    // The check finds what it looks for.
    expect(find('import x from "https://cdn.example/x.js"', String.raw`\bfrom`, LITERAL)).toHaveLength(1)
    expect(find(String.raw`importScripts(\"//cdn.example/x.js\")`, loaders[2] ?? '', LITERAL)).toHaveLength(1)
  })
})
