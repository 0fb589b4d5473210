import { expect, test } from 'vitest'
import { SETTINGS } from '../../operations/generated/settings.ts'
import { DEFAULT_MODEL } from '../../src/jobs/models.ts'
import {
  fromSlider,
  INITIAL_TEXTS,
  NUMBER_INPUTS,
  parseSettings,
  sortIssues,
  stepNoise,
  toIssueText,
  toSlider,
  toSliderRange,
} from '../../studio/src/state/settings.ts'

test('the form begins with what the API takes where nothing is given', () => {
  expect(parseSettings(INITIAL_TEXTS)).toEqual({ values: { ...DEFAULT_MODEL.defaults, seed: null }, issues: {} })
})

test.each(NUMBER_INPUTS)('the ends of $name are taken by the API, and what is beyond them by neither', ({ name }) => {
  const { least, most } = SETTINGS[name]
  for (const [value, isTaken] of [
    [least, true],
    [most, true],
    [least - 1, false],
    [most + 1, false],
  ] as const) {
    const input = { imageUrl: 'https://example.com/a.png', ...DEFAULT_MODEL.defaults, [name]: value }
    expect(DEFAULT_MODEL.settings.safeParse(input).success).toBe(isTaken)
    expect(parseSettings({ ...INITIAL_TEXTS, [name]: String(value) }).issues[name] === undefined).toBe(isTaken)
  }
})

test.each([
  ['fps', '25.5'],
  ['fps', ''],
  ['fps', 'fast'],
  ['seed', '1.5'],
  ['seed', '9007199254740993'],
  ['seed', 'x'],
  ['seed', '0x10'],
] as const)('%s does not take "%s"', (name, text) => {
  expect(Object.keys(parseSettings({ ...INITIAL_TEXTS, [name]: text }).issues)).toEqual([name])
})

test.each(NUMBER_INPUTS)('the slider of $name goes from end to end, and stands at its default', ({ name }) => {
  const { least, most, initial } = SETTINGS[name]
  const { min, max } = toSliderRange(name)
  expect([fromSlider(name, min), fromSlider(name, max)]).toEqual([least, most])
  expect(fromSlider(name, toSlider(name, initial))).toBe(initial)
})

test('an arrow key changes freedom by a step that shows, and stays within its range', () => {
  expect([0, 0.02, 0.99, 1, 9.9, 10].map((value) => stepNoise(value, 1))).toEqual([0.01, 0.03, 1, 1.1, 10, 10])
  expect([0, 0.02, 1, 1.1, 10].map((value) => stepNoise(value, -1))).toEqual([0, 0.01, 0.99, 1, 9.9])
})

test('what the API or fal refuses is told at its field, by the name that it has in the form', () => {
  const refused = [
    { path: ['input', 'motionBucketId'], message: 'Too much.' },
    { path: ['input', 'motionBucketId'], message: 'Not even.' },
    { path: ['input', 'imageUrl', '0'], message: 'Too dark.' },
    { path: ['input', 'resolution'], message: 'Too many dots.' },
    { path: [], message: 'Too early.' },
  ]
  expect(sortIssues(refused)).toEqual({
    issues: { motionBucketId: 'Too much.', imageUrl: 'Too dark.' },
    others: 'Too many dots. Too early.',
  })
  expect(refused.map(toIssueText)).toEqual([
    'Motion: Too much.',
    'Motion: Not even.',
    'Image: Too dark.',
    'Too many dots.',
    'Too early.',
  ])
  expect(sortIssues([])).toEqual({ issues: {}, others: null })
})
