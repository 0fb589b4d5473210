import { batch, type ReadonlySignal, signal } from '@preact/signals'
import type { ReelayClient } from '../../../client/core/reelay-client.ts'
import {
  GenerateVideoDocument,
  type GenerateVideoInput,
  GetJobDocument,
  type JobSummaryFragment,
} from '../../../operations/generated/graphql.ts'
import { isServerImage, toImageName } from '../format/image-link.ts'
import { createErrorMessage } from './error-message.ts'
import { findPreview, savePreview } from './previews.ts'
import {
  type Field,
  INITIAL_TEXTS,
  type Issues,
  parseSettings,
  type SettingTexts,
  sortIssues,
  toTexts,
} from './settings.ts'
import { linkImage, openImageFile, type SourceImage } from './source-image.ts'

export type Draft = ReturnType<typeof createDraft>

/**
 * The idempotency key of an input. Kept in the session until the server responds, so that sending the same input again
 * after a lost response does not create, and pay for, a second job.
 */
interface Attempt {
  key: string
  inputDigest: string
}
const ATTEMPT = 'reelay.attempt'

/** In milliseconds: uploading an image of 10 MiB takes long on a slow connection. */
const TIMEOUT_MS = 60_000
/** How long the button stays disabled after a submit, in milliseconds: longer than a double click. */
const SUBMITTED_MS = 1_000

/** The video to generate next: its image, its settings, and what is wrong with them. */
export function createDraft(client: ReelayClient, { onJob }: { onJob(job: JobSummaryFragment): void }) {
  const image = signal<SourceImage | null>(null)
  const texts = signal<SettingTexts>(INITIAL_TEXTS)
  const issues = signal<Issues>({})
  /** An error that belongs to no field. */
  const error = createErrorMessage()
  const isSubmitting = signal(false)
  /** True for {@link SUBMITTED_MS} after a submit, so that a double click does not submit and pay twice. */
  const wasSubmitted = signal(false)
  /** Counts the calls of `reuse`: the form scrolls into view when it changes. */
  const reuseCount = signal(0)

  /** The file that is being checked. A later choice replaces it. */
  let opening: Promise<SourceImage> | null = null

  function choose(chosen: SourceImage | null): void {
    opening = null
    batch(() => {
      image.value = chosen
      error.clear()
      clearIssue('imageUrl')
      clearIssue('link')
    })
  }

  function reject(field: 'imageUrl' | 'link', reason: unknown): void {
    const text = reason instanceof Error ? reason.message : 'This image can’t be used.'
    issues.value = { ...issues.peek(), [field]: image.peek() ? `${text} The previous image is kept.` : text }
  }

  async function chooseFrom(open: () => Promise<SourceImage>): Promise<void> {
    const own = open()
    opening = own
    try {
      const chosen = await own
      if (opening === own) choose(chosen)
    } catch (reason) {
      if (opening !== own) return
      opening = null
      reject('imageUrl', reason)
    }
  }

  /** @returns false when the link is invalid, which becomes an issue of its field */
  function chooseLink(text: string): boolean {
    try {
      choose(linkImage(text))
      return true
    } catch (reason) {
      reject('link', reason)
      return false
    }
  }

  function clearIssue(field: Field): void {
    if (issues.peek()[field] === undefined) return
    const { [field]: _cleared, ...others } = issues.peek()
    issues.value = others
  }

  async function generate(): Promise<void> {
    if (isSubmitting.peek() || wasSubmitted.peek()) return
    try {
      isSubmitting.value = opening !== null
      // Submitting the previous image would be paid for: wait until the new one is checked.
      while (opening) await opening
    } catch {
      // chooseFrom shows the reason at the field.
      return
    } finally {
      isSubmitting.value = false
    }
    const chosen = image.peek()
    const { values, issues: found } = parseSettings(texts.peek())
    if (!chosen) found.imageUrl = 'Add an image first.'
    issues.value = found
    error.clear()
    if (!chosen || Object.keys(found).length > 0) return
    isSubmitting.value = true
    try {
      const input = { imageUrl: await chosen.read(), ...values }
      const attempt = await findAttempt(input)
      const { generateVideo: result } = await client.request(
        GenerateVideoDocument,
        { input: { ...input, idempotencyKey: attempt.key } },
        { signal: AbortSignal.timeout(TIMEOUT_MS) },
      )
      // Any response ends the attempt: submitting the same input again means another video.
      sessionStorage.removeItem(ATTEMPT)
      if (result.__typename === 'GenerateVideoSuccess') {
        if (chosen.preview) savePreview(result.job.id, chosen.preview)
        wasSubmitted.value = true
        setTimeout(() => {
          wasSubmitted.value = false
        }, SUBMITTED_MS)
        onJob(result.job)
      } else if (result.__typename === 'InvalidInputError') {
        const { issues: found, others } = sortIssues(result.issues)
        issues.value = found
        error.show(others)
      } else error.show(result.message)
    } catch (reason) {
      error.showError(reason, 'Your image and settings are kept.')
    } finally {
      isSubmitting.value = false
    }
  }

  /** Fills the form with a job's image, settings and seed, and marks the settings that fal rejected. */
  function reuse(job: JobSummaryFragment): void {
    const { imageUrl } = job.settings
    // The seed that was really used, so that the same settings make the same video.
    const settings = { ...job.settings, seed: job.video?.seed ?? job.settings.seed ?? null }
    const rejected = sortIssues(
      (job.failure?.issues ?? []).map(({ path, message }) => ({ path, message: `Message from fal: ${message}` })),
    )
    opening = null
    batch(() => {
      texts.value = toTexts(settings)
      issues.value = rejected.issues
      error.show(rejected.others)
      image.value = {
        name: toImageName(imageUrl),
        preview: findPreview(job.id),
        hint: 'fal downloads it from its URL',
        read: () => findImageUrl(client, job.id, imageUrl),
      }
      reuseCount.value += 1
    })
  }

  return {
    image,
    texts,
    issues: issues as ReadonlySignal<Issues>,
    error,
    isSubmitting: isSubmitting as ReadonlySignal<boolean>,
    wasSubmitted: wasSubmitted as ReadonlySignal<boolean>,
    reuseCount: reuseCount as ReadonlySignal<number>,
    choose,
    /** Chooses a dropped, pasted or selected file. An invalid one becomes an issue of the field. */
    chooseFile: (file: File): Promise<void> => chooseFrom(() => openImageFile(file)),
    chooseLink,
    /** Chooses the sample image at this URL of the studio. */
    chooseSample: (url: string): Promise<void> =>
      chooseFrom(async () => {
        const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) }).catch(() => null)
        if (!response?.ok) throw new Error('The sample image could not be loaded. Choose your own image.')
        return await openImageFile(new File([await response.blob()], 'rocket.png', { type: 'image/png' }))
      }),
    write: (name: keyof SettingTexts, text: string): void => {
      texts.value = { ...texts.peek(), [name]: text }
      clearIssue(name)
    },
    reset: (): void => {
      texts.value = INITIAL_TEXTS
      issues.value = {}
    },
    reuse,
    generate,
  }
}

/** The URL of a job's image. An uploaded image gets its URL at fal after the submit: read the job again for it. */
async function findImageUrl(client: ReelayClient, jobId: string, known: string): Promise<string> {
  if (!isServerImage(new URL(known))) return known
  const { job } = await client.request(GetJobDocument, { id: jobId }, { signal: AbortSignal.timeout(TIMEOUT_MS) })
  return job?.settings.imageUrl ?? known
}

/** The attempt without a response, if it had the same input; otherwise a new one. */
async function findAttempt(input: GenerateVideoInput): Promise<Attempt> {
  const inputDigest = await digest(JSON.stringify(input))
  const kept = JSON.parse(sessionStorage.getItem(ATTEMPT) ?? 'null') as Attempt | null
  if (kept?.inputDigest === inputDigest) return kept
  const attempt = { key: createKey(), inputDigest }
  sessionStorage.setItem(ATTEMPT, JSON.stringify(attempt))
  return attempt
}

/** Distinguishes inputs. Over plain HTTP, `crypto.subtle` exists on localhost only. */
async function digest(text: string): Promise<string> {
  if (!crypto.subtle) return `${text.length} ${text.slice(0, 500)} ${text.slice(-500)}`
  return toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))))
}

/** A random idempotency key. `crypto.randomUUID` exists on secure pages only. */
export function createKey(): string {
  return toHex(crypto.getRandomValues(new Uint8Array(16)))
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
