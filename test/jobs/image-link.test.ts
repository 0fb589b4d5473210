import { expect, test } from 'vitest'
import { findLinkProblem } from '../../src/jobs/image-link.ts'

test.each([
  ['', 'is empty'],
  [' \n', 'is empty'],
  ['https://images.example/my cat.png', 'a space at character 26: write %20'],
  [' https://images.example/cat.png', 'a space at character 1: remove it'],
  ['https://images.example/cat.png ', 'a space at character 31: remove it'],
  ['https://images.example/cat.png\n', 'a line break at character 31'],
  ['https://images.example/cat\r\n.png', 'a line break at character 27'],
  ['https://images.example/\tcat.png', 'U+0009, which is not allowed in URLs, at character 24'],
  ['https://images.example/\u00a0cat.png', 'U+00A0'],
  ['https://images.example/\u0007cat.png', 'U+0007'],
  ['https:\\\\images.example\\cat.png', 'a backslash at character 7: use /'],
  ['images.example/cat.png', 'no https:// at the start'],
  ['images.example:8080/cat.png', 'no https:// at the start'],
  ['images.example/?of=https://other.example', 'no https:// at the start'],
  ['//images.example/cat.png', 'no https:// at the start'],
  ['cat.png', 'no https:// at the start: use a full URL, or upload the file'],
  ['"https://images.example/cat.png"', 'remove the text before it'],
  ['<https://images.example/cat.png>', 'remove the text before it'],
  ['https:', 'needs //'],
  ['https:/images.example/cat.png', 'needs //'],
  ['ftp://images.example/cat.png', 'starts with ftp: instead of https:// or http://'],
  ['htps://images.example/cat.png', 'starts with htps: instead'],
  ['javascript:alert(1)', 'starts with javascript: instead'],
  ['blob:https://images.example/1234', 'a blob: URL'],
  ['file:///home/me/cat.png', 'a file path: use a full URL, or upload the file'],
  ['C:\\Users\\me\\cat.png', 'a file path'],
  ['c:/Users/me/cat.png', 'a file path'],
  ['\\\\server\\cat.png', 'a file path'],
  ['/home/me/cat.png', 'a file path'],
  ['~/cat.png', 'a file path'],
  ['../cat.png', 'a file path'],
  ['iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB', 'base64 without its prefix: put data:image/jpeg;base64,'],
  [`/9j/${'A'.repeat(100_000)}`, 'base64 without its prefix'],
  ['https://user:secret@images.example/cat.png', 'a user name or password'],
  ['https://:secret@images.example/cat.png', 'a user name or password'],
  ['https://', 'no host'],
  ['https:///cat.png', 'no host'],
  ['https://images.example:99999/cat.png', 'an invalid host or port'],
  ['https://[::1/cat.png', 'an invalid host or port'],
  [`https://images.example/${'a'.repeat(8192)}`, 'longer than 8192 characters'],
])('the URL %j breaks a rule: %s', (text, rule) => {
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
])('the URL %s is valid', (text) => {
  expect(findLinkProblem(text)).toBeNull()
})
