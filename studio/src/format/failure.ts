import type { JobFailureCode } from '../generated/graphql.ts'

/** The offered action: submit the same settings again, or edit them in the form. */
export type Remedy = 'retry' | 'edit'

export interface FailureText {
  title: string
  /** What the user can do. */
  advice: string
  remedy: Remedy
}

const FAILURE_TEXTS: Record<JobFailureCode, FailureText> = {
  CONTENT_POLICY: {
    title: 'The picture was turned down',
    advice: 'fal does not make videos of pictures like this one. Choose another picture.',
    remedy: 'edit',
  },
  INPUT_REJECTED: {
    title: 'fal refused the settings',
    advice: 'Open the form with these settings, change what fal names, and generate anew.',
    remedy: 'edit',
  },
  INPUT_UNREACHABLE: {
    title: 'The picture could not be fetched',
    advice: 'fal could not open the link. Check that anyone can see it, or upload the picture instead.',
    remedy: 'edit',
  },
  PROVIDER_AUTH: {
    title: 'This server may not use fal right now',
    advice: 'Its key was refused. Ask whoever runs it to renew the key, then try again.',
    remedy: 'retry',
  },
  PROVIDER_TIMEOUT: {
    title: 'It took too long',
    advice: 'fal stopped before the video was ready. Trying again often helps.',
    remedy: 'retry',
  },
  PROVIDER_UNAVAILABLE: {
    title: 'fal was not there',
    advice: 'It could not be reached, or had no machine free. Try again in a minute.',
    remedy: 'retry',
  },
  PROVIDER_ERROR: {
    title: 'Something broke at fal',
    advice: 'It was not your picture. Try again; if it happens every time, try another picture.',
    remedy: 'retry',
  },
  SUBMIT_UNKNOWN: {
    title: 'Nobody knows whether it began',
    advice: 'The line to fal broke as the job was sent. Trying again may make, and cost, a second video.',
    remedy: 'retry',
  },
  RESULT_REFUSED: {
    title: 'The video was made, but not taken in',
    advice:
      'fal’s answer is kept. Ask whoever runs this server to look into its log; then try again: that costs nothing.',
    remedy: 'retry',
  },
  RESULT_EXPIRED: {
    title: 'The video is gone',
    advice: 'fal no longer had it when it was fetched. Trying again makes it anew, which costs a second time.',
    remedy: 'retry',
  },
  STORAGE_FAILED: {
    title: 'The video could not be saved',
    advice: 'It was made, but not kept. Trying again makes it anew, which costs a second time.',
    remedy: 'retry',
  },
  INTERNAL: {
    title: 'Something broke on this server',
    advice: 'It was not your picture. Try again; if it stays like this, tell whoever runs the server.',
    remedy: 'retry',
  },
}

/** The texts of a failure. A code that is newer than this page falls back to `message` and `retryable`. */
export function toFailureText(failure: { code: JobFailureCode; message: string; retryable: boolean }): FailureText {
  return (
    FAILURE_TEXTS[failure.code] ?? {
      title: 'It did not work',
      advice: failure.message,
      remedy: failure.retryable ? 'retry' : 'edit',
    }
  )
}
