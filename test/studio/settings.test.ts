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

test('the form starts with the defaults of the API', () => {
  expect(parseSettings(INITIAL_TEXTS)).toEqual({ values: { ...DEFAULT_MODEL.defaults, seed: null }, issues: {} })
})

test.each(NUMBER_INPUTS)(
  'the API and the form accept the limits of $name and reject values beyond them',
  ({ name }) => {
    const { least, most } = SETTINGS[name]
    for (const [value, isAccepted] of [
      [least, true],
      [most, true],
      [least - 1, false],
      [most + 1, false],
    ] as const) {
      const input = { imageUrl: 'https://example.com/a.png', ...DEFAULT_MODEL.defaults, [name]: value }
      expect(DEFAULT_MODEL.settings.safeParse(input).success).toBe(isAccepted)
      expect(parseSettings({ ...INITIAL_TEXTS, [name]: String(value) }).issues[name] === undefined).toBe(isAccepted)
    }
  },
)

test.each([
  ['fps', '25.5'],
  ['fps', ''],
  ['fps', 'fast'],
  ['seed', '1.5'],
  ['seed', '9007199254740993'],
  ['seed', 'x'],
  ['seed', '0x10'],
] as const)('%s rejects "%s"', (name, text) => {
  expect(Object.keys(parseSettings({ ...INITIAL_TEXTS, [name]: text }).issues)).toEqual([name])
})

test.each(NUMBER_INPUTS)('the slider of $name covers its range and can show its default', ({ name }) => {
  const { least, most, initial } = SETTINGS[name]
  const { min, max } = toSliderRange(name)
  expect([fromSlider(name, min), fromSlider(name, max)]).toEqual([least, most])
  expect(fromSlider(name, toSlider(name, initial))).toBe(initial)
})

test('an arrow key changes the noise by a visible step within its range', () => {
  expect([0, 0.02, 0.99, 1, 9.9, 10].map((value) => stepNoise(value, 1))).toEqual([0.01, 0.03, 1, 1.1, 10, 10])
  expect([0, 0.02, 1, 1.1, 10].map((value) => stepNoise(value, -1))).toEqual([0, 0.01, 0.99, 1, 9.9])
})

test('an issue of the API or of fal is shown at its field, with the label of the form', () => {
  const rejected = [
    { path: ['input', 'motionBucketId'], message: 'Too much.' },
    { path: ['input', 'motionBucketId'], message: 'Not even.' },
    { path: ['input', 'imageUrl', '0'], message: 'Too dark.' },
    { path: ['input', 'resolution'], message: 'Too many dots.' },
    { path: [], message: 'Too early.' },
  ]
  expect(sortIssues(rejected)).toEqual({
    issues: { motionBucketId: 'Too much.', imageUrl: 'Too dark.' },
    others: 'Too many dots. Too early.',
  })
  expect(rejected.map(toIssueText)).toEqual([
    'Motion: Too much.',
    'Motion: Not even.',
    'Image: Too dark.',
    'Too many dots.',
    'Too early.',
  ])
  expect(sortIssues([])).toEqual({ issues: {}, others: null })
})
