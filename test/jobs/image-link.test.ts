import { expect, test } from 'vitest'
import { findLinkProblem } from '../../src/jobs/image-link.ts'

test.each([
  ['', 'is empty'],
  [' \n', 'is empty'],
  ['https://images.example/my cat.png', 'a space at character 26: write %20'],
  [' https://images.example/cat.png', 'a space at character 1: leave it out'],
  ['https://images.example/cat.png ', 'a space at character 31: leave it out'],
  ['https://images.example/cat.png\n', 'a line break at character 31'],
  ['https://images.example/cat\r\n.png', 'a line break at character 27'],
  ['https://images.example/\tcat.png', 'U+0009, which no URL has, at character 24'],
  ['https://images.example/\u00a0cat.png', 'U+00A0'],
  ['https://images.example/\u0007cat.png', 'U+0007'],
  ['https:\\\\images.example\\cat.png', 'a backslash at character 7: write /'],
  ['images.example/cat.png', 'no https:// at its beginning'],
  ['images.example:8080/cat.png', 'no https:// at its beginning'],
  ['images.example/?of=https://other.example', 'no https:// at its beginning'],
  ['//images.example/cat.png', 'no https:// at its beginning'],
  ['cat.png', 'no https:// at its beginning: give a whole URL, or upload the file'],
  ['"https://images.example/cat.png"', 'leave out what stands before it'],
  ['<https://images.example/cat.png>', 'leave out what stands before it'],
  ['https:', 'needs //'],
  ['https:/images.example/cat.png', 'needs //'],
  ['ftp://images.example/cat.png', 'begins with ftp: instead of https:// or http://'],
  ['htps://images.example/cat.png', 'begins with htps: instead'],
  ['javascript:alert(1)', 'begins with javascript: instead'],
  ['blob:https://images.example/1234', 'a blob: URL'],
  ['file:///home/me/cat.png', 'a path: give a whole URL, or upload the file'],
  ['C:\\Users\\me\\cat.png', 'a path'],
  ['c:/Users/me/cat.png', 'a path'],
  ['\\\\server\\cat.png', 'a path'],
  ['/home/me/cat.png', 'a path'],
  ['~/cat.png', 'a path'],
  ['../cat.png', 'a path'],
  ['iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB', 'base64 without its beginning: write data:image/jpeg;base64,'],
  [`/9j/${'A'.repeat(100_000)}`, 'base64 without its beginning'],
  ['https://user:secret@images.example/cat.png', 'a user name or a password'],
  ['https://:secret@images.example/cat.png', 'a user name or a password'],
  ['https://', 'no host'],
  ['https:///cat.png', 'no host'],
  ['https://images.example:99999/cat.png', 'a host or a port that cannot be'],
  ['https://[::1/cat.png', 'a host or a port that cannot be'],
  [`https://images.example/${'a'.repeat(8192)}`, 'longer than 8192 characters'],
])('the link %j is refused with its rule: %s', (text, rule) => {
  const problem = findLinkProblem(text)
  expect(problem).toContain(rule)
  expect(problem?.length).toBeLessThan(100)
  expect(problem).not.toContain('secret')
})

test.each([
  'http://127.0.0.1:8080/cat.png?size=1#top',
  'HTTPS://images.example/cat.png',
  'https://bücher.example/катя.png',
  'https://images.example/cat@home.png',
  'https://images.example/?from=https://other.example/@me',
  `https://images.example/${'a'.repeat(8192 - 'https://images.example/'.length)}`,
])('the link %s has no problem', (text) => {
  expect(findLinkProblem(text)).toBeNull()
})
