import { expect, test } from 'vitest'
import { decodeUrlPart } from '../../src/jobs/image-link.ts'
import { toImageName, toImageUrl } from '../../studio/src/format/image-link.ts'

test.each([
  ['https://example.com/100%.png', '100%.png'],
  ['https://example.com/caf%C3%A9.png', 'café.png'],
  ['https://example.com/', 'example.com'],
])('the image at %s is named %s', (url, name) => {
  expect(toImageName(url)).toBe(name)
})

test('invalid encoding stays as it is', () => {
  expect(['%E0%A4%A', '100%', 'a%20b'].map(decodeUrlPart)).toEqual(['%E0%A4%A', '100%', 'a b'])
})

test('a link may omit https://; other text is rejected', () => {
  expect(toImageUrl(' example.com/cat.png ')).toBe('https://example.com/cat.png')
  for (const text of ['cat', 'javascript:alert(1)', 'data:image/png;base64,AA', 'ftp://example.com/a.png'])
    expect(() => toImageUrl(text)).toThrow('https://')
  // A file name is not a host.
  expect(() => toImageUrl('cat.png')).toThrow('The URL has no https:// at the start')
  expect(() => toImageUrl('C:\\cat.png')).toThrow('The URL is a file path')
  expect(() => toImageUrl('https://me:secret@example.com/a.png')).toThrow('The URL contains a user name or password')
})

test('spaces in a link are encoded', () => {
  expect(toImageUrl('https://example.com/my cat.png')).toBe('https://example.com/my%20cat.png')
  expect(toImageUrl('example.com/my cat.png')).toBe('https://example.com/my%20cat.png')
  expect(() => toImageUrl('https://exam ple.com/cat.png')).toThrow('has a space at character 13: remove it.')
})
