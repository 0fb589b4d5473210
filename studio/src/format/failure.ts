import type { JobFailureCode } from '../../../operations/generated/graphql.ts'

interface FailureText {
  title: string
  advice: string
  /** The offered action: submit the same settings again, by default, or edit them in the form. */
  remedy?: 'retry' | 'edit'
}

const FAILURE_TEXTS: Record<JobFailureCode, FailureText> = {
  CONTENT_POLICY: {
    title: 'Rejected by content policy',
    advice: 'fal does not generate videos from images like this one. Choose another image.',
    remedy: 'edit',
  },
  INPUT_REJECTED: {
    title: 'fal rejected the settings',
    advice: 'Edit the settings that fal names, then generate again.',
    remedy: 'edit',
  },
  INPUT_UNREACHABLE: {
    title: 'fal couldn’t download the image',
    advice: 'Check that the URL is public, or upload the image instead.',
    remedy: 'edit',
  },
  PROVIDER_AUTH: {
    title: 'fal rejected this server’s API key',
    advice: 'Ask the server’s operator to renew the key, then try again.',
  },
  PROVIDER_TIMEOUT: {
    title: 'Generation timed out',
    advice: 'fal stopped before the video was ready. Trying again often helps.',
  },
  PROVIDER_UNAVAILABLE: {
    title: 'fal is unavailable',
    advice: 'fal could not be reached or had no machine free. Try again in a minute.',
  },
  PROVIDER_ERROR: {
    title: 'fal had an error',
    advice: 'The image is probably not the cause. Try again; if it keeps failing, use another image.',
  },
  SUBMIT_UNKNOWN: {
    title: 'We couldn’t confirm that fal received it',
    advice: 'The connection to fal broke during the submit. Trying again may generate, and cost, a second video.',
  },
  RESULT_REFUSED: {
    title: 'fal’s result could not be read',
    advice:
      'The video was generated, and fal’s response is kept. Ask the server’s operator to check its log, then try again: that costs nothing.',
  },
  RESULT_EXPIRED: {
    title: 'The video has expired',
    advice:
      'fal no longer had the video when the server fetched it. Trying again generates it again, at a second cost.',
  },
  STORAGE_FAILED: {
    title: 'The video could not be saved',
    advice: 'The video was generated but not stored. Trying again generates it again, at a second cost.',
  },
  INTERNAL: {
    title: 'This server had an error',
    advice: 'The image is not the cause. Try again; if it keeps failing, contact the server’s operator.',
  },
}

/** The texts of a failure. A code that is newer than this page falls back to `message` and `retryable`. */
export function toFailureText(failure: { code: JobFailureCode; message: string; retryable: boolean }): FailureText {
  return (
    FAILURE_TEXTS[failure.code] ?? {
      title: 'Generation failed',
      advice: failure.message,
      remedy: failure.retryable ? 'retry' : 'edit',
    }
  )
}
