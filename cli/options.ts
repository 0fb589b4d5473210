import { parseArgs } from 'node:util'
import { UsageError } from './errors.ts'

/** The settings on the command line; the server has defaults for the rest. */
export interface Settings {
  seed?: number
  motionBucketId?: number
  condAug?: number
  fps?: number
}

/** A job's settings, null or undefined where nobody chose one. */
export type JobSettings = { [name in keyof Settings]: number | null | undefined }

export type Options =
  | { action: 'help' }
  | (Server & { action: 'make'; image: string; settings: Settings; out: string | null })
  | (Server & { action: 'watch'; jobId: string; out: string | null })

interface Server {
  url: string
  /** The value of `--url`, for printed commands that must reach the same server; null without it. */
  givenUrl: string | null
}

export const DEFAULT_URL = 'http://127.0.0.1:4000'

/** Each setting's option, by the setting's name in the API. */
export const OPTION_OF_SETTING = {
  seed: '--seed',
  motionBucketId: '--motion',
  condAug: '--cond-aug',
  fps: '--fps',
} as const satisfies Record<keyof Settings, string>

export const HELP = `Makes a video from an image and shows its progress.

  npm run video -- IMAGE [options]
  npm run video -- --watch JOB [options]

IMAGE is a JPEG, PNG or WebP file of up to 10 MiB, or the http(s) URL of one.

  --seed N        a seed to repeat a clip; a negative one as --seed=-1 (default: fal chooses)
  --motion N      1 = almost still, 255 = lots of movement (default: 127)
  --cond-aug X    noise, 0 to 10: low stays close to the image, high adds motion (default: 0.02)
  --fps N         frame rate, 10 to 100: the same 25 frames, played faster (default: 25)
  --out FILE      save the video here, replacing an existing file
                  (default: the image's name with .mp4, in this folder; replaces nothing)
  --watch JOB     watch an existing job and save its video
  --url URL       the server (default: REELAY_URL, or ${DEFAULT_URL});
                  one on this machine is started for this command if it is not running
  --help          show this help

Exit code: 0 video saved, 1 failed, 2 usage error or invalid input, 130 interrupted or canceled with Ctrl-C.
`

/**
 * Parses the command line. Checks that settings are numbers; `checkInput` checks their ranges.
 * @throws UsageError
 */
export function parseOptions(words: readonly string[], environment: NodeJS.ProcessEnv): Options {
  const { values, positionals } = readWords(words)
  if (values.help) return { action: 'help' }
  const url = toServerUrl(values.url ?? (environment.REELAY_URL || DEFAULT_URL))
  const server: Server = { url, givenUrl: values.url === undefined ? null : url }
  const out = values.out ?? null
  if (out === '') throw new UsageError('--out is empty: pass a file name')
  const settings: Settings = {
    ...(values.seed !== undefined && { seed: toInteger('--seed', values.seed) }),
    ...(values.motion !== undefined && { motionBucketId: toInteger('--motion', values.motion) }),
    ...(values['cond-aug'] !== undefined && { condAug: toNumber('--cond-aug', values['cond-aug']) }),
    ...(values.fps !== undefined && { fps: toInteger('--fps', values.fps) }),
  }
  if (values.watch !== undefined) {
    if (positionals.length > 0 || Object.keys(settings).length > 0)
      throw new UsageError('--watch shows an existing job: pass no image and no settings with it')
    if (values.watch === '') throw new UsageError('--watch is empty: pass the id of a job')
    return { action: 'watch', ...server, jobId: values.watch, out }
  }
  const [image, ...more] = positionals
  if (!image) throw new UsageError('missing IMAGE: pass a file or a URL, for example examples/rocket.png')
  if (more.length > 0)
    throw new UsageError(
      `expected one IMAGE, got ${positionals.length}: ${positionals.join(', ')}. npm consumes options that are not after --: npm run video -- IMAGE --fps 12`,
    )
  return { action: 'make', ...server, image, settings, out }
}

export function isImageUrl(image: string): boolean {
  return /^https?:\/\//i.test(image)
}

function readWords(words: readonly string[]) {
  const text = { type: 'string' } as const
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        seed: text,
        motion: text,
        'cond-aug': text,
        fps: text,
        out: text,
        watch: text,
        url: text,
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    const code = 'code' in error ? error.code : null
    const negative = words.findIndex((word, index) => /^-[\d.]/.test(word) && words[index - 1]?.startsWith('--'))
    if (code === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE' && negative > 0) {
      const pair = `${words[negative - 1]}=${words[negative]}`
      throw new UsageError(`write ${pair}: a negative value needs the equals sign`, { cause: error })
    }
    // The rest of Node's message on an unknown option is about file names that begin with a dash.
    const isUnknown = code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION'
    const message = isUnknown ? error.message.replace(/\. .*/s, '') : error.message.replaceAll('\n', ' ')
    throw new UsageError(message, { cause: error })
  }
}

function toNumber(option: string, text: string): number {
  const number = Number(text)
  if (text.trim() === '' || !Number.isFinite(number)) throw new UsageError(`${option} must be a number, not "${text}"`)
  return number
}

function toInteger(option: string, text: string): number {
  const number = toNumber(option, text)
  // Beyond 2^53 the parsed number differs from the written one.
  if (!Number.isSafeInteger(number))
    throw new UsageError(`${option} must be a whole number within ±${Number.MAX_SAFE_INTEGER}, not "${text}"`)
  return number
}

/** The server's base URL. Accepts the URL of its API as well. */
function toServerUrl(text: string): string {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash)
    throw new UsageError(`the server's URL must be an http or https URL such as ${DEFAULT_URL}, not "${text}"`)
  return url.href.replace(/\/+$/, '').replace(/\/graphql$/, '')
}
