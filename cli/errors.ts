/** The command was written wrongly: nothing was done. */
export class UsageError extends Error {}

/** Something went wrong that is worth one plain sentence, and no stack. */
export class CommandError extends Error {}

/** A failure after which the same call may succeed: no connection, or a server that is unavailable. */
export class RetryableError extends CommandError {}

/** One thing that is wrong with an input, as the API tells it. */
export interface InputIssue {
  path: readonly string[]
  message: string
}

/** The picture or a setting breaks a rule: every one at once. */
export class InputRefusedError extends CommandError {
  readonly issues: readonly InputIssue[]
  constructor(message: string, issues: readonly InputIssue[]) {
    super(message)
    this.issues = issues
  }
}

/** The person or the system wants this command to end. */
export class InterruptedError extends Error {
  readonly signal: 'SIGINT' | 'SIGTERM'
  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`interrupted by ${signal}`)
    this.signal = signal
  }
}
