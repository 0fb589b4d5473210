import { parseArgs } from 'node:util'
import { UsageError } from './errors.ts'

/** Settings that were given; those that were not are the server's to fill in. */
export interface Settings {
  seed?: number
  motionBucketId?: number
  condAug?: number
  fps?: number
}

/** What the command is asked to do. */
export type Options =
  | { action: 'help' }
  | (Server & { action: 'make'; picture: string; settings: Settings; out: string | null })
  | (Server & { action: 'watch'; jobId: string; out: string | null })

interface Server {
  url: string
  /** As it was given by `--url`: a command that is to lead to the same server needs it. */
  givenUrl: string | null
}

export const DEFAULT_URL = 'http://127.0.0.1:4000'

/** The option of each setting, by the setting's name in the API. */
export const OPTION_OF_SETTING = {
  seed: '--seed',
  motionBucketId: '--motion',
  condAug: '--cond-aug',
  fps: '--fps',
} as const satisfies Record<keyof Settings, string>

export const HELP = `Makes a video from a picture, and shows how it comes along.

  npm run video -- PICTURE [options]
  npm run video -- --watch JOB [options]

PICTURE is a JPEG, PNG or WebP file of at most 10 MiB, or the http(s) URL of one.

  --seed N        repeat the seed of a video to get the same clip (default: fal chooses)
  --motion N      1 to 255; more is more motion (default: 127)
  --cond-aug X    0 to 10; more motion, less likeness (default: 0.02)
  --fps N         10 to 100 frames per second (default: 25)
  --out FILE      where the video goes; replaces a file that is there
                  (default: the picture's name with .mp4, here; never replaces)
  --watch JOB     show a job that was begun before, and save its video
  --url URL       the server (default: REELAY_URL, or ${DEFAULT_URL});
                  if it is on this machine and not running, it is started for as long as needed
  --help          show this

Exit code: 0 video saved, 1 failed, 2 wrong usage, 130 left or canceled with Ctrl-C.
`

/**
 * Reads the command line. Of a setting, only that it is a number is seen here.
 * @throws UsageError
 */
export function parseOptions(
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Options {
  const { values, positionals } = readWords(words)
  if (values.help) return { action: 'help' }
  const url = toServerUrl(values.url ?? (environment.REELAY_URL || DEFAULT_URL))
  const server: Server = { url, givenUrl: values.url === undefined ? null : url }
  const out = values.out ?? null
  if (out === '') throw new UsageError('--out is empty: give the name of a file')
  const settings: Settings = {
    ...(values.seed !== undefined && { seed: toInteger('--seed', values.seed) }),
    ...(values.motion !== undefined && { motionBucketId: toInteger('--motion', values.motion) }),
    ...(values['cond-aug'] !== undefined && { condAug: toNumber('--cond-aug', values['cond-aug']) }),
    ...(values.fps !== undefined && { fps: toInteger('--fps', values.fps) }),
  }
  if (values.watch !== undefined) {
    if (positionals.length > 0 || Object.keys(settings).length > 0)
      throw new UsageError('--watch shows a job that was begun before: give no picture and no settings with it')
    if (values.watch === '') throw new UsageError('--watch is empty: give the id of a job')
    return { action: 'watch', ...server, jobId: values.watch, out }
  }
  const [picture, ...more] = positionals
  if (!picture) throw new UsageError('which picture? Give a file or a URL, for example examples/rocket.png')
  if (more.length > 0)
    throw new UsageError(
      `one picture at a time, but there are ${positionals.length}: ${positionals.join(', ')}. npm keeps options for itself unless -- stands before them: npm run video -- PICTURE --fps 12`,
    )
  return { action: 'make', ...server, picture, settings, out }
}

/** Whether the picture is somewhere on the web, and not a file. */
export function isWebPicture(picture: string): boolean {
  return /^https?:\/\//i.test(picture)
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
    // Of an unknown option, the rest is about file names that begin with a dash, which nobody has.
    const isUnknown = 'code' in error && error.code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION'
    const words = isUnknown ? error.message.replace(/\. .*/s, '') : error.message.replaceAll('\n', ' ')
    throw new UsageError(words, { cause: error })
  }
}

function toNumber(option: string, text: string): number {
  const number = Number(text)
  if (text.trim() === '' || !Number.isFinite(number))
    throw new UsageError(`${option} must be a number, but is "${text}"`)
  return number
}

function toInteger(option: string, text: string): number {
  const number = toNumber(option, text)
  // Beyond 2^53 a number is no longer the one that was written.
  if (!Number.isSafeInteger(number))
    throw new UsageError(`${option} must be a whole number within ±${Number.MAX_SAFE_INTEGER}, but is "${text}"`)
  return number
}

/** The server's own address, also when the address of its API was given. */
function toServerUrl(text: string): string {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash)
    throw new UsageError(`the server's URL must be an http or https URL such as ${DEFAULT_URL}, but is "${text}"`)
  return url.href.replace(/\/+$/, '').replace(/\/graphql$/, '')
}
