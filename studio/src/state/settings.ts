import { SETTINGS } from '../../../operations/generated/settings.ts'

export type NumberSetting = keyof typeof SETTINGS
export type Field = 'imageUrl' | 'link' | NumberSetting | 'seed'

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

/** What the form calls each setting of the API. */
const LABELS: Record<string, string> = {
  imageUrl: 'Picture',
  seed: 'Seed',
  ...Object.fromEntries(NUMBER_SETTINGS.map(({ name, label }) => [name, label])),
}

/** A refusal by the server or by fal, as both tell it. */
export interface RefusedSetting {
  path: readonly string[]
  message: string
}

/** The message with the name that the setting has in the form, if it is about one. */
export function toIssueWords({ path, message }: RefusedSetting): string {
  const name = findSetting(path)
  return name === undefined ? message : `${LABELS[name]}: ${message}`
}

/** What is said of each field, and what is about none of them. */
export function sortIssues(list: readonly RefusedSetting[]): { issues: Issues; others: string | null } {
  const issues: Issues = {}
  for (const { path, message } of list) {
    const field = findSetting(path)
    if (field !== undefined) issues[field] ??= message
  }
  const others = list.filter(({ path }) => findSetting(path) === undefined)
  return { issues, others: others.map(({ message }) => message).join(' ') || null }
}

function findSetting(path: readonly string[]): Field | undefined {
  return path.find((part): part is Field => Object.hasOwn(LABELS, part))
}

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
  const seed = texts.seed.trim() === '' ? null : /^\s*[+-]?\d+\s*$/.test(texts.seed) ? Number(texts.seed) : Number.NaN
  if (seed !== null && !Number.isSafeInteger(seed)) issues.seed = 'Give a whole number, or leave it empty.'
  return { values: { motionBucketId, condAug, fps, seed }, issues }
}

/** Places of a slider: one for each whole number; freedom, which is no whole number, has a thousand. */
export function toPlaces(name: NumberSetting): { min: number; max: number } {
  const { least, most } = SETTINGS[name]
  return name === 'condAug' ? { min: 0, max: 1000 } : { min: least, max: most }
}

/** Where a value stands on its slider. Freedom is mostly set near its low end, which gets the most room. */
export function toSlider(name: NumberSetting, value: number): number {
  const { least, most } = SETTINGS[name]
  const inside = Math.min(most, Math.max(least, value))
  return name === 'condAug' ? Math.round(1000 * Math.cbrt((inside - least) / (most - least))) : Math.round(inside)
}

/** The value at a place of the slider. */
export function fromSlider(name: NumberSetting, place: number): number {
  if (name !== 'condAug') return place
  const { least, most } = SETTINGS[name]
  return roundFreedom(least + (place / 1000) ** 3 * (most - least))
}

/** The freedom that an arrow key leads to: many places of its slider are the same value, a key is to be another one. */
export function stepFreedom(value: number, direction: 1 | -1): number {
  const { least, most } = SETTINGS.condAug
  const step = value < 1 || (value === 1 && direction < 0) ? 0.01 : 0.1
  return roundFreedom(Math.min(most, Math.max(least, value + direction * step)))
}

function roundFreedom(value: number): number {
  return Number(value.toFixed(value < 1 ? 2 : 1))
}
