import { SETTINGS } from '../generated/settings.ts'

export type NumberSetting = keyof typeof SETTINGS
export type Field = 'imageUrl' | NumberSetting | 'seed'

/** The settings as they stand in the form: what was typed. */
export type SettingTexts = Record<NumberSetting | 'seed', string>

export interface SettingValues {
  motionBucketId: number
  condAug: number
  fps: number
  seed: number | null
}

/** What is wrong, by field, in words. */
export type Issues = Partial<Record<Field, string>>

/** How each number is put to a person. */
export interface SettingWords {
  name: NumberSetting
  label: string
  hint: string
  isWhole: boolean
}

export const NUMBER_SETTINGS: readonly SettingWords[] = [
  { name: 'motionBucketId', label: 'Motion', hint: '1 is almost still, 255 is wild.', isWhole: true },
  {
    name: 'condAug',
    label: 'Freedom',
    hint: '0 keeps to the picture, 10 is free.',
    isWhole: false,
  },
  { name: 'fps', label: 'Frames per second', hint: '10 to 100. More is faster.', isWhole: true },
]

export const INITIAL_TEXTS: SettingTexts = {
  motionBucketId: String(SETTINGS.motionBucketId.initial),
  condAug: String(SETTINGS.condAug.initial),
  fps: String(SETTINGS.fps.initial),
  seed: '',
}

export function toTexts({ motionBucketId, condAug, fps, seed }: SettingValues): SettingTexts {
  return {
    motionBucketId: String(motionBucketId),
    condAug: String(condAug),
    fps: String(fps),
    seed: seed === null ? '' : String(seed),
  }
}

/** Reads the form: the values, or what is wrong with them. */
export function readSettings(texts: SettingTexts): { values: SettingValues; issues: Issues } {
  const issues: Issues = {}
  const number = ({ name, isWhole }: SettingWords): number => {
    const { least, most } = SETTINGS[name]
    const value = texts[name].trim() === '' ? Number.NaN : Number(texts[name])
    if (!(value >= least && value <= most) || (isWhole && !Number.isInteger(value)))
      issues[name] = `Give a ${isWhole ? 'whole number' : 'number'} from ${least} to ${most}.`
    return value
  }
  const [motionBucketId = 0, condAug = 0, fps = 0] = NUMBER_SETTINGS.map(number)
  const seed = texts.seed.trim() === '' ? null : Number(texts.seed)
  if (seed !== null && !Number.isSafeInteger(seed)) issues.seed = 'Give a whole number, or leave it empty.'
  return { values: { motionBucketId, condAug, fps, seed }, issues }
}

/** Where a value stands on its slider, 0 to 1000. Freedom is mostly set near its low end, which gets the most room. */
export function toSlider(name: NumberSetting, value: number): number {
  const { least, most } = SETTINGS[name]
  const share = Math.min(1, Math.max(0, (value - least) / (most - least)))
  return Math.round(1000 * (name === 'condAug' ? Math.cbrt(share) : share))
}

/** The value at a place of the slider. */
export function fromSlider(name: NumberSetting, place: number): number {
  const { least, most } = SETTINGS[name]
  const share = place / 1000
  if (name !== 'condAug') return Math.round(least + share * (most - least))
  const value = least + share ** 3 * (most - least)
  return Number(value.toFixed(value < 1 ? 2 : 1))
}
