import { expect, test } from 'vitest'
import { decodePart, readLink, toPictureName } from '../../studio/src/words/link.ts'

test.each([
  ['https://example.com/100%.png', '100%.png'],
  ['https://example.com/caf%C3%A9.png', 'café.png'],
  ['https://example.com/', 'example.com'],
])('the picture at %s is called %s', (url, name) => {
  expect(toPictureName(url)).toBe(name)
})

test('what is no valid encoding stays as it is', () => {
  expect(['%E0%A4%A', '100%', 'a%20b'].map(decodePart)).toEqual(['%E0%A4%A', '100%', 'a b'])
})

test('a link may leave https:// away; what is no link is refused', () => {
  expect(readLink(' example.com/cat.png ')).toBe('https://example.com/cat.png')
  for (const text of ['cat', 'javascript:alert(1)', 'data:image/png;base64,AA', 'ftp://example.com/a.png'])
    expect(() => readLink(text)).toThrow('https://')
  // A name of a file is no host.
  expect(() => readLink('cat.png')).toThrow('The link has no https:// at the start')
  expect(() => readLink('C:\\cat.png')).toThrow('The link is a file path')
  expect(() => readLink('https://me:secret@example.com/a.png')).toThrow('The link contains a user name or password')
})

test('a link with spaces is encoded', () => {
  expect(readLink('https://example.com/my cat.png')).toBe('https://example.com/my%20cat.png')
  expect(readLink('example.com/my cat.png')).toBe('https://example.com/my%20cat.png')
  expect(() => readLink('https://exam ple.com/cat.png')).toThrow('has a space at character 13: remove it.')
})
