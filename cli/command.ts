import { OPTION_OF_SETTING, type Settings } from './options.ts'

const COMMAND = 'npm run video --'

/** The words to type to make this video once more, at the same server. Nulls and what is not given are left out. */
export function toRepeatCommand(
  picture: string,
  settings: { [name in keyof Settings]: number | null | undefined },
  givenUrl: string | null,
): string {
  const options = Object.entries(OPTION_OF_SETTING).flatMap(([name, option]) => {
    const value = settings[name as keyof Settings]
    // With a space between, a value that begins with a minus sign would be taken for an option.
    return value === undefined || value === null ? [] : [value < 0 ? `${option}=${value}` : `${option} ${value}`]
  })
  return [COMMAND, quote(picture), ...options, ...toServer(givenUrl)].join(' ')
}

/** The words to type to see a job again. */
export function toWatchCommand(jobId: string, givenUrl: string | null): string {
  return [COMMAND, '--watch', quote(jobId), ...toServer(givenUrl)].join(' ')
}

function toServer(givenUrl: string | null): string[] {
  return givenUrl === null ? [] : ['--url', quote(givenUrl)]
}

/** A word for the shell, in quotes where it needs them. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}
