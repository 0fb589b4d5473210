import { expect, test } from 'vitest'
import { toDurationText, toIssueLine, toSafeText, toSizeText } from '../../cli/text.ts'

test('foreign text cannot move the cursor, change colours, ring the bell or reverse the text', () => {
  expect(toSafeText('a\x1b[31mred\x1b[2J\r\nb\x07\x85c\u2028d\u202ee\n')).toBe('ared b c d e')
  expect(toSafeText('  48%|████▊     | 12/25 é 🚀')).toBe('  48%|████▊     | 12/25 é 🚀')
})

test('an issue begins with the option or argument that it concerns', () => {
  const line = (...path: string[]) => toIssueLine({ path, message: 'is wrong.' })
  expect(line('input', 'motionBucketId')).toBe('--motion: is wrong.')
  expect(line('input', 'condAug')).toBe('--cond-aug: is wrong.')
  expect(line('input', 'imageUrl')).toBe('IMAGE: is wrong.')
  expect(line('file')).toBe('IMAGE: is wrong.')
  expect(line('input', 'idempotencyKey')).toBe('is wrong.')
  expect(line()).toBe('is wrong.')
  expect(line('input', 'toString')).toBe('input.toString: is wrong.')
})

test('sizes and durations are formatted', () => {
  expect([1, 999, 1000, 9_960, 26_400, 999_499, 999_500, 1_300_000, 2e9].map(toSizeText)).toEqual([
    '1 byte',
    '999 bytes',
    '1.0 kB',
    '10.0 kB',
    '26 kB',
    '999 kB',
    '1.0 MB',
    '1.3 MB',
    '2.0 GB',
  ])
  expect([0, 7_999, 754_000, 3_723_000].map(toDurationText)).toEqual(['0:00', '0:07', '12:34', '1:02:03'])
})
