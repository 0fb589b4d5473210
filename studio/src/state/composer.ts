import { batch, type ReadonlySignal, type Signal, signal } from '@preact/signals'
import type { ReelayClient } from '../../../client/core/reelay-client.ts'
import {
  type GenerateVideoInput,
  type JobSummaryFragment,
  StudioGenerateDocument,
  StudioJobDocument,
} from '../generated/graphql.ts'
import { toPictureName } from '../words/link.ts'
import { linkPicture, openPicture, type Picture } from './picture.ts'
import { findPreview, savePreview } from './previews.ts'
import { createProblem, type Problem } from './problem.ts'
import {
  type Field,
  INITIAL_TEXTS,
  type Issues,
  readSettings,
  type SettingTexts,
  sortIssues,
  toTexts,
} from './settings.ts'

/** The form: a picture, its settings, and what the server said of them. */
export interface Composer {
  readonly picture: Signal<Picture | null>
  readonly texts: Signal<SettingTexts>
  readonly issues: ReadonlySignal<Issues>
  /** What stands in the way, when it is no field's fault. */
  readonly problem: Problem
  readonly isSending: ReadonlySignal<boolean>
  /** A video was begun just now: for a moment the form begins no other, which a second press would pay for. */
  readonly hasStarted: ReadonlySignal<boolean>
  /** Counts what was put into the form from elsewhere, so that the form shows itself. */
  readonly summons: ReadonlySignal<number>
  choose(picture: Picture | null): void
  /** A file that was dropped, pasted or chosen. One that will not do is told at the field. */
  takeFile(file: File): Promise<void>
  /** Answers whether it will do. */
  takeLink(text: string): boolean
  /** The picture at this address of ours. */
  takeExample(url: string): Promise<void>
  write(name: keyof SettingTexts, text: string): void
  reset(): void
  /** Puts a job's picture, settings and seed into the form, with what fal refused of them. */
  repeat(job: JobSummaryFragment): Promise<void>
  generate(): Promise<void>
}

/** A key is kept with what it was made for, until the server has answered: an answer that was lost is not paid for twice. */
interface Attempt {
  key: string
  print: string
}
const ATTEMPT = 'reelay.attempt'

/** A picture of 10 MB takes its time on a slow line. */
const ANSWER_MS = 60_000
/** How long the button says that it was heard, in milliseconds: longer than a double click. */
const STARTED_MS = 1_000

export function createComposer(client: ReelayClient, { onJob }: { onJob(job: JobSummaryFragment): void }): Composer {
  const picture = signal<Picture | null>(null)
  const texts = signal<SettingTexts>(INITIAL_TEXTS)
  const issues = signal<Issues>({})
  const problem = createProblem()
  const isSending = signal(false)
  const hasStarted = signal(false)
  const summons = signal(0)

  /** The choice that is still looked at: one that comes later takes its place. */
  let opening: Promise<Picture> | null = null

  function choose(chosen: Picture | null): void {
    opening = null
    batch(() => {
      picture.value = chosen
      problem.say(null)
      clearIssue('imageUrl')
      clearIssue('link')
    })
  }

  function refuse(field: 'imageUrl' | 'link', error: unknown): void {
    const words = error instanceof Error ? error.message : 'It cannot be used.'
    issues.value = { ...issues.peek(), [field]: picture.peek() ? `${words} The picture before it is kept.` : words }
  }

  async function take(open: () => Promise<Picture>): Promise<void> {
    const own = open()
    opening = own
    try {
      const chosen = await own
      if (opening === own) choose(chosen)
    } catch (error) {
      if (opening !== own) return
      opening = null
      refuse('imageUrl', error)
    }
  }
  function takeLink(text: string): boolean {
    try {
      choose(linkPicture(text))
      return true
    } catch (error) {
      refuse('link', error)
      return false
    }
  }
  const takeFile = (file: File) => take(() => openPicture(file))

  function clearIssue(field: Field): void {
    if (issues.peek()[field] === undefined) return
    const { [field]: _gone, ...others } = issues.peek()
    issues.value = others
  }

  async function generate(): Promise<void> {
    if (isSending.peek() || hasStarted.peek()) return
    try {
      isSending.value = opening !== null
      // Not the picture of before: that would be paid for too.
      while (opening) await opening
    } catch {
      // Said at its field.
      return
    } finally {
      isSending.value = false
    }
    const chosen = picture.peek()
    const { values, issues: found } = readSettings(texts.peek())
    if (!chosen) found.imageUrl = 'Choose a picture first, or paste its link.'
    issues.value = found
    problem.say(null)
    if (!chosen || Object.keys(found).length > 0) return
    isSending.value = true
    try {
      const input = { imageUrl: await chosen.read(), ...values }
      const attempt = await takeAttempt(input)
      const { generateVideo: answer } = await client.request(
        StudioGenerateDocument,
        { input: { ...input, idempotencyKey: attempt.key } },
        { signal: AbortSignal.timeout(ANSWER_MS) },
      )
      // Answered, whatever it says: the next one is another video.
      sessionStorage.removeItem(ATTEMPT)
      if (answer.__typename === 'GenerateVideoSuccess') {
        if (chosen.preview) savePreview(answer.job.id, chosen.preview)
        hasStarted.value = true
        setTimeout(() => {
          hasStarted.value = false
        }, STARTED_MS)
        onJob(answer.job)
      } else if (answer.__typename === 'InvalidInputError') {
        const { issues: found, others } = sortIssues(answer.issues)
        issues.value = found
        problem.say(others)
      } else problem.say(answer.message)
    } catch (error) {
      problem.tell(error, 'Everything you chose is still here.')
    } finally {
      isSending.value = false
    }
  }

  async function repeat(job: JobSummaryFragment): Promise<void> {
    const { imageUrl } = job.settings
    // The seed really used, so that the same settings make the same clip.
    const settings = { ...job.settings, seed: job.video?.seed ?? job.settings.seed ?? null }
    // What fal refused is marked where it can be changed.
    const said = job.failure?.issues.map(({ path, message }) => ({ path, message: `fal says: ${message}` }))
    const refused = sortIssues(said ?? [])
    opening = null
    batch(() => {
      texts.value = toTexts(settings)
      issues.value = refused.issues
      problem.say(refused.others)
      picture.value = {
        name: toPictureName(imageUrl),
        preview: findPreview(job.id),
        hint: 'fal fetches it from there',
        read: () => findSource(client, job.id, imageUrl),
      }
      summons.value += 1
    })
  }

  return {
    picture,
    texts,
    issues,
    problem,
    isSending,
    hasStarted,
    summons,
    choose,
    takeFile,
    takeLink,
    takeExample: (url) =>
      take(async () => {
        const answer = await fetch(url).catch(() => null)
        if (!answer?.ok) throw new Error('The example cannot be loaded. Choose a picture of your own.')
        return await openPicture(new File([await answer.blob()], 'rocket.png', { type: 'image/png' }))
      }),
    write: (name, text) => {
      texts.value = { ...texts.peek(), [name]: text }
      clearIssue(name)
    },
    reset: () => {
      texts.value = INITIAL_TEXTS
      issues.value = {}
    },
    repeat,
    generate,
  }
}

/** Where fal can fetch a job's picture: an upload has its own address only once it is at fal, which may be news. */
async function findSource(client: ReelayClient, jobId: string, known: string): Promise<string> {
  if (!/\/media\/images\/[^/]+$/.test(new URL(known).pathname)) return known
  const { job } = await client.request(StudioJobDocument, { id: jobId })
  return job?.settings.imageUrl ?? known
}

/** The key of an attempt that was not answered, if it was for the same input; a new one otherwise. */
async function takeAttempt(input: GenerateVideoInput): Promise<Attempt> {
  const print = await toPrint(JSON.stringify(input))
  const kept = JSON.parse(sessionStorage.getItem(ATTEMPT) ?? 'null') as Attempt | null
  if (kept?.print === print) return kept
  const attempt = { key: toKey(), print }
  sessionStorage.setItem(ATTEMPT, JSON.stringify(attempt))
  return attempt
}

/** Tells inputs apart. `crypto.subtle` is there on safe pages only: over plain HTTP by another name than localhost it is not. */
async function toPrint(text: string): Promise<string> {
  if (crypto.subtle) {
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
    return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
  }
  return `${text.length} ${text.slice(0, 500)} ${text.slice(-500)}`
}

/** A word that nobody else uses. `crypto.randomUUID` is for safe pages only, this is for all. */
export function toKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
