import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { buildStudio, STUDIO_DIRECTORY } from '../../src/adapters/studio-build.ts'
import { toImageName } from '../../studio/src/format/image-link.ts'

/**
 * APIs that Chrome 111, Firefox 114 or Safari 16.4 lack, as the built page and its packages would call them. The list
 * omits syntax, which the build lowers, and APIs that packages call only if present: Preact's `moveBefore`, and
 * `Symbol.dispose` of its signals. @see https://developer.mozilla.org
 */
const NEWER_CALLS = [
  ...['URL.parse', 'URL.canParse', 'AbortSignal.any', 'ReadableStream.from', 'Response.json', 'Promise.try'],
  ...['Promise.withResolvers', 'Array.fromAsync', 'Object.groupBy', 'Map.groupBy', 'Iterator.from', 'RegExp.escape'],
  ...['Error.isError', 'Uint8Array.fromBase64', 'Uint8Array.fromHex', 'Math.sumPrecise'],
  ...['Intl.Segmenter', 'Intl.DurationFormat', 'Atomics.waitAsync', 'crypto.randomUUID'],
  ...['document.startViewTransition', 'document.parseHTMLUnsafe', 'CSS.registerProperty', 'scheduler.postTask'],
  ...['scheduler.yield', 'navigator.clipboard.read('],
]
const NEWER_METHODS = [
  ...['toSorted', 'toReversed', 'toSpliced', 'isWellFormed', 'toWellFormed', 'isSubsetOf', 'isSupersetOf'],
  ...['isDisjointFrom', 'symmetricDifference', 'getOrInsert', 'toBase64', 'toHex', 'transferToFixedLength'],
  ...['showPopover', 'togglePopover', 'hidePopover', 'checkVisibility', 'requestClose', 'getHTML', 'setHTMLUnsafe'],
]
const NEWER_NAMES = [
  'requestIdleCallback',
  'withResolvers',
  'SuppressedError',
  'DisposableStack',
  'URLPattern',
  'CloseWatcher',
]
const NEWER_CSS = [
  ...[':has(', ':user-valid', ':user-invalid', ':state(', ':open', '::details-content', 'light-dark(', 'linear('],
  ...[
    '@starting-style',
    '@scope',
    '@property',
    '@position-try',
    '@view-transition',
    'anchor(',
    'if(',
    'sibling-index(',
  ],
  ...['contrast-color(', 'oklch(from', 'rgb(from', 'hsl(from'],
]

/** file-type merges its own signal with its caller's. The studio passes none, so this call is never reached. */
const UNREACHED = /this\.options\.signal===void 0\?\w+\.signal:AbortSignal\.any/

const has = (text: string, name: string) =>
  new RegExp(`(?<![\\w$.-])${name.replace(/[.()*+?^$]/g, '\\$&')}${/\w$/.test(name) ? '(?![\\w-])' : ''}`).test(text)
const findIn = (text: string, names: readonly string[]) => names.filter((name) => has(text, name))
const findMethodsIn = (text: string) =>
  NEWER_METHODS.filter((name) => new RegExp(`[.]${name}\\b`).test(text) || text.includes(`"${name}"`))

describe('the built studio', () => {
  let files: Map<string, string>

  beforeAll(async () => {
    await buildStudio()
    const directory = join(STUDIO_DIRECTORY, 'assets')
    const names = (await readdir(directory)).filter((name) => /\.(js|css)$/.test(name))
    files = new Map(
      await Promise.all(names.map(async (name) => [name, await readFile(join(directory, name), 'utf8')] as const)),
    )
  }, 90_000)

  test('calls no API that a supported browser lacks', () => {
    const scripts = [...files].filter(([name]) => name.endsWith('.js'))
    expect(scripts).not.toEqual([])
    for (const text of scripts.map(([, built]) => built.replace(UNREACHED, '')))
      expect([...findIn(text, [...NEWER_CALLS, ...NEWER_NAMES]), ...findMethodsIn(text)]).toEqual([])
  })

  test('uses no CSS that a supported browser lacks', () => {
    const styles = [...files].filter(([name]) => name.endsWith('.css'))
    expect(styles).not.toEqual([])
    for (const [, text] of styles) {
      expect(NEWER_CSS.filter((name) => text.includes(name))).toEqual([])
      // The build flattens nested rules.
      expect(text).not.toMatch(/[{;]&/)
    }
  })
})

test.each([
  ['const url = URL.parse(text)', ['URL.parse']],
  ['n=AbortSignal.any([a,b])', ['AbortSignal.any']],
  ['let t=Promise.withResolvers();', ['Promise.withResolvers']],
  ['AbortSignal.anything(JSON.parse(text))', []],
])('newer APIs are found in %s', (text, found) => {
  expect(findIn(text, NEWER_CALLS)).toEqual(found)
})

test('text that is not a link is its own image name, without a newer API', () => {
  expect([toImageName('no link'), toImageName('https://example.com/a.png')]).toEqual(['no link', 'a.png'])
})
