import { type JobSettings, OPTION_OF_SETTING } from './options.ts'

const COMMAND = 'npm run video --'

/** The command that makes this video again on the same server. Omits settings that are null or undefined. */
export function toRepeatCommand(image: string, settings: JobSettings, givenUrl: string | null): string {
  const options = Object.entries(OPTION_OF_SETTING).flatMap(([name, option]) => {
    const value = settings[name as keyof JobSettings]
    // After a space, a value with a minus sign would be read as an option.
    return value === undefined || value === null ? [] : [value < 0 ? `${option}=${value}` : `${option} ${value}`]
  })
  return [COMMAND, quote(image), ...options, ...toServer(givenUrl)].join(' ')
}

export function toWatchCommand(jobId: string, givenUrl: string | null): string {
  return [COMMAND, '--watch', quote(jobId), ...toServer(givenUrl)].join(' ')
}

function toServer(givenUrl: string | null): string[] {
  return givenUrl === null ? [] : ['--url', quote(givenUrl)]
}

/** Quotes a word for the shell where necessary. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}
