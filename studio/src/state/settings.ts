import { SETTINGS } from '../../../operations/generated/settings.ts'

export type NumberSetting = keyof typeof SETTINGS
export type Field = 'imageUrl' | 'link' | NumberSetting | 'seed'

/** The settings as typed into the form. */
export type SettingTexts = Record<NumberSetting | 'seed', string>

interface SettingValues {
  motionBucketId: number
  condAug: number
  fps: number
  seed: number | null
}

/** One message per invalid field. */
export type Issues = Partial<Record<Field, string>>

/** How the form shows a numeric setting. */
export interface NumberInput {
  name: NumberSetting
  label: string
  hint: string
  isWhole: boolean
}

export const NUMBER_INPUTS: readonly NumberInput[] = [
  { name: 'motionBucketId', label: 'Motion', hint: '1 = almost still, 255 = lots of movement.', isWhole: true },
  {
    name: 'condAug',
    label: 'Noise (cond_aug)',
    hint: 'Low stays close to your image; high adds motion.',
    isWhole: false,
  },
  { name: 'fps', label: 'Frame rate', hint: '10 to 100 fps: the same 25 frames, played faster.', isWhole: true },
]

/** The form's labels of the API's settings. */
export const SETTING_LABELS: Record<NumberSetting | 'imageUrl' | 'seed', string> = {
  imageUrl: 'Image',
  seed: 'Seed',
  ...(Object.fromEntries(NUMBER_INPUTS.map(({ name, label }) => [name, label])) as Record<NumberSetting, string>),
}

/** An issue of the server's or of fal's, with the path of the setting. */
interface SettingIssue {
  path: readonly string[]
  message: string
}

/** The message, preceded by the form's label if it is about a setting. */
export function toIssueText({ path, message }: SettingIssue): string {
  const name = findSetting(path)
  return name === undefined ? message : `${SETTING_LABELS[name]}: ${message}`
}

/** Splits issues into the first one of each field and those that belong to no field. */
export function sortIssues(list: readonly SettingIssue[]): { issues: Issues; others: string | null } {
  const issues: Issues = {}
  for (const { path, message } of list) {
    const field = findSetting(path)
    if (field !== undefined) issues[field] ??= message
  }
  const others = list.filter(({ path }) => findSetting(path) === undefined)
  return { issues, others: others.map(({ message }) => message).join(' ') || null }
}

function findSetting(path: readonly string[]): keyof typeof SETTING_LABELS | undefined {
  return path.find((part): part is keyof typeof SETTING_LABELS => Object.hasOwn(SETTING_LABELS, part))
}

export const INITIAL_TEXTS: SettingTexts = toTexts({
  motionBucketId: SETTINGS.motionBucketId.initial,
  condAug: SETTINGS.condAug.initial,
  fps: SETTINGS.fps.initial,
  seed: null,
})

export function toTexts({ motionBucketId, condAug, fps, seed }: SettingValues): SettingTexts {
  return {
    motionBucketId: String(motionBucketId),
    condAug: String(condAug),
    fps: String(fps),
    seed: seed === null ? '' : String(seed),
  }
}

/** Parses the form: its values, and the issues of invalid fields. */
export function parseSettings(texts: SettingTexts): { values: SettingValues; issues: Issues } {
  const issues: Issues = {}
  const parseNumber = ({ name, isWhole }: NumberInput): number => {
    const { least, most } = SETTINGS[name]
    const value = texts[name].trim() === '' ? Number.NaN : Number(texts[name])
    if (!(value >= least && value <= most) || (isWhole && !Number.isInteger(value)))
      issues[name] = `Enter a ${isWhole ? 'whole number' : 'number'} from ${least} to ${most}.`
    return value
  }
  const [motionBucketId = 0, condAug = 0, fps = 0] = NUMBER_INPUTS.map(parseNumber)
  const seed = texts.seed.trim() === '' ? null : /^\s*[+-]?\d+\s*$/.test(texts.seed) ? Number(texts.seed) : Number.NaN
  if (seed !== null && !Number.isSafeInteger(seed)) issues.seed = 'Enter a whole number, or leave it empty.'
  return { values: { motionBucketId, condAug, fps, seed }, issues }
}

/** The positions of a slider: one per whole number, and a thousand for the noise, which has decimals. */
export function toSliderRange(name: NumberSetting): { min: number; max: number } {
  const { least, most } = SETTINGS[name]
  return name === 'condAug' ? { min: 0, max: 1000 } : { min: least, max: most }
}

/** The slider position of a value. The noise has a cubic scale, because its useful values are near the low end. */
export function toSlider(name: NumberSetting, value: number): number {
  const { least, most } = SETTINGS[name]
  const inside = Math.min(most, Math.max(least, value))
  return name === 'condAug' ? Math.round(1000 * Math.cbrt((inside - least) / (most - least))) : Math.round(inside)
}

export function fromSlider(name: NumberSetting, position: number): number {
  if (name !== 'condAug') return position
  const { least, most } = SETTINGS[name]
  return roundNoise(least + (position / 1000) ** 3 * (most - least))
}

/** The noise after an arrow key. Many slider positions round to one value, so a key steps the value instead. */
export function stepNoise(value: number, direction: 1 | -1): number {
  const { least, most } = SETTINGS.condAug
  const step = value < 1 || (value === 1 && direction < 0) ? 0.01 : 0.1
  return roundNoise(Math.min(most, Math.max(least, value + direction * step)))
}

function roundNoise(value: number): number {
  return Number(value.toFixed(value < 1 ? 2 : 1))
}
