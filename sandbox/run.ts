import { randomInt } from 'node:crypto'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { modelFailure, validationFailure } from './queue/failures.ts'
import { parseInput } from './queue/input.ts'
import type { Ending, LogEntry, Outcome, VideoRequest } from './queue/request.ts'
import { findScenario } from './queue/scenarios.ts'
import type { GetClip } from './video/clips.ts'
import { toClipSettings } from './video/encode.ts'
import { ImageError, loadImage } from './video/image.ts'
import type { MediaStore } from './video/media.ts'
import { FRAMES } from './video/pan-zoom.ts'

interface RunDeps {
  media: MediaStore
  getClip: GetClip
  baseUrl: string
  stepMs: number
  log(message: string, level?: LogEntry['level']): void
}

const STEPS = 25
const STEPS_BEFORE_FAILURE = 5

/**
 * Generates one request's video step by step. A failure of the request is an ending, not an exception.
 * @throws the signal's reason at the next step after it aborts.
 */
export async function runRequest(request: VideoRequest, deps: RunDeps, signal: AbortSignal): Promise<Ending> {
  const startedAt = performance.now()
  const outcome = await generate(request, deps, signal).catch((error: unknown): Outcome => {
    if (signal.aborted) throw error
    const failure =
      error instanceof ImageError
        ? error.failure
        : modelFailure(500, 'internal_server_error', error instanceof Error ? error.message : String(error))
    deps.log(failure.error, 'ERROR')
    return { kind: 'failure', failure }
  })
  return { ...outcome, inferenceSeconds: Math.round(performance.now() - startedAt) / 1000 }
}

async function generate(
  request: VideoRequest,
  { media, getClip, baseUrl, stepMs, log }: RunDeps,
  signal: AbortSignal,
): Promise<Outcome> {
  log('A sandbox runner started the request (this is not fal)')
  const parsed = parseInput(request.body)
  if ('errors' in parsed) {
    const failure = validationFailure(parsed.errors)
    log(`Invalid input: ${failure.error}`, 'ERROR')
    return { kind: 'failure', failure }
  }
  const { input } = parsed
  const effects = findScenario(input.image_url)?.effects ?? {}

  log('Loading the image')
  const image = await loadImage(input.image_url, { media, baseUrl, signal })
  if (image.warning) log(image.warning, 'WARN')

  const steps = effects.steps ?? STEPS
  for (let step = 1; step <= steps; step += 1) {
    await pause(stepMs * (effects.stepFactor ?? 1), signal)
    log(`Step ${step}/${steps}`)
    if (effects.failure && step === Math.min(steps, STEPS_BEFORE_FAILURE)) {
      log(effects.failure.error, 'ERROR')
      return { kind: 'failure', failure: effects.failure }
    }
  }

  const seed = input.seed ?? randomInt(2 ** 31)
  log(`Encoding ${FRAMES} frames at ${input.fps} per second`)
  // A cancel does not stop the encoder: another request may be waiting for the same clip.
  const clip = await getClip(image.bytes, toClipSettings(input, seed))
  signal.throwIfAborted()
  log('The video is ready')
  return { kind: 'video', mediaId: clip.id, sizeBytes: clip.sizeBytes ?? 0, seed }
}

/** Waits; 0 ms still yields to other work. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (ms > 0) await setTimeout(ms, undefined, { signal })
  else await setImmediate()
  signal.throwIfAborted()
}
