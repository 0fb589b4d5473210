/** The command line is invalid; nothing was done. */
export class UsageError extends Error {}

/** An expected failure: printed as one sentence, without a stack. */
export class CommandError extends Error {}

/** A failure after which the same call may succeed: no connection, or a server that is unavailable. */
export class RetryableError extends CommandError {}

/** One problem with an input, in the API's shape. */
export interface InputIssue {
  path: readonly string[]
  message: string
}

/** The image or settings break rules; has all problems. */
export class InputRefusedError extends CommandError {
  readonly issues: readonly InputIssue[]
  constructor(message: string, issues: readonly InputIssue[]) {
    super(message)
    this.issues = issues
  }
}

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const

/** SIGINT or SIGTERM ended the command. */
export class InterruptedError extends Error {
  readonly exitCode: number
  constructor(signal: keyof typeof EXIT_CODES) {
    super(`interrupted by ${signal}`)
    this.exitCode = EXIT_CODES[signal]
  }
}
