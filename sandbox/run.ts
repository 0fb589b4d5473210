import { randomInt } from 'node:crypto'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { modelFailure, validationFailure } from './queue/failures.ts'
import { parseInput } from './queue/input.ts'
import type { Ending, LogEntry, VideoRequest } from './queue/request.ts'
import { findScenario } from './queue/scenarios.ts'
import type { GiveClip } from './video/clips.ts'
import { loadPicture, PictureError } from './video/image.ts'
import type { MediaStore } from './video/media.ts'
import { FRAMES, toClipSettings } from './video/video.ts'

/** What a run needs. */
export interface RunDeps {
  media: MediaStore
  giveClip: GiveClip
  baseUrl: string
  stepMs: number
  log(message: string, level?: LogEntry['level']): void
}

const STEPS = 25
const STEPS_BEFORE_FAILURE = 5

/**
 * Makes one request's video, step by step, and says how that ended. Every failure of the request is an ending.
 * @throws the signal's reason, when it aborts: at the next step.
 */
export async function runRequest(request: VideoRequest, deps: RunDeps, signal: AbortSignal): Promise<Ending> {
  const startedAt = performance.now()
  const seconds = () => Math.round(performance.now() - startedAt) / 1000
  try {
    return await make(request, deps, { signal, seconds })
  } catch (error) {
    if (signal.aborted) throw error
    const failure =
      error instanceof PictureError
        ? error.failure
        : modelFailure(500, 'internal_server_error', error instanceof Error ? error.message : String(error))
    deps.log(failure.error, 'ERROR')
    return { kind: 'failure', failure, inferenceSeconds: seconds() }
  }
}

async function make(
  request: VideoRequest,
  { media, giveClip, baseUrl, stepMs, log }: RunDeps,
  { signal, seconds }: { signal: AbortSignal; seconds: () => number },
): Promise<Ending> {
  log('A runner of the sandbox took the request (this is not fal)')
  const parsed = parseInput(request.body)
  if ('faults' in parsed) {
    const failure = validationFailure(parsed.faults)
    log(`The input is not valid: ${failure.error}`, 'ERROR')
    return { kind: 'failure', failure, inferenceSeconds: seconds() }
  }
  const { input } = parsed
  const effects = findScenario(input.image_url)?.effects ?? {}

  log('Loading the picture')
  const picture = await loadPicture(input.image_url, { media, baseUrl, signal })
  if (picture.warning) log(picture.warning, 'WARN')

  const steps = effects.steps ?? STEPS
  for (let step = 1; step <= steps; step += 1) {
    await pause(stepMs * (effects.stepFactor ?? 1), signal)
    log(`Step ${step}/${steps}`)
    if (effects.failure && step === Math.min(steps, STEPS_BEFORE_FAILURE)) {
      log(effects.failure.error, 'ERROR')
      return { kind: 'failure', failure: effects.failure, inferenceSeconds: seconds() }
    }
  }

  const seed = input.seed ?? randomInt(2 ** 31)
  log(`Encoding ${FRAMES} frames at ${input.fps} per second`)
  // Not stopped by a cancel: another request may wait for the same clip.
  const clip = await giveClip(picture.bytes, toClipSettings(input, seed))
  signal.throwIfAborted()
  log('The video is ready')
  return { kind: 'video', mediaId: clip.id, sizeBytes: clip.sizeBytes ?? 0, seed, inferenceSeconds: seconds() }
}

/** Waits, and at a pace of 0 still lets others have their turn. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (ms > 0) await setTimeout(ms, undefined, { signal })
  else await setImmediate()
  signal.throwIfAborted()
}
