import type { Failure } from './failures.ts'
import { fieldFailure, modelFailure, platformFailure } from './failures.ts'

/** How a scenario bends the ordinary course of a request. Times are counted in steps, so that a fast pace shortens them. */
export interface ScenarioEffects {
  /** Requests said to stand in front at first. */
  aheadAtFirst?: number
  /** How long that line takes to pass, in steps. */
  lineSteps?: number
  /** How many steps the model makes. */
  steps?: number
  /** How much longer than usual each step takes. */
  stepFactor?: number
  /** The request fails with this after its first steps. */
  failure?: Failure
  /** How often the result call answers 504 before it answers the truth. */
  resultTimeouts?: number
  /** A cancel is acknowledged and then ignored. */
  ignoresCancel?: boolean
  /** The status stream opens and says nothing. */
  silentStream?: boolean
}

/** A named course of events that a caller chooses by the picture's URL. */
export interface Scenario {
  name: string
  /** What happens, for people. */
  description: string
  /** An `image_url` that chooses it. */
  imageUrl: string
  effects: ScenarioEffects
}

/** The host that chooses scenarios; `.test` is reserved and never resolves. */
export const SCENARIO_HOST = 'sandbox.test'

/** The rule, for people. */
export const SCENARIO_RULE = `image_url = http://${SCENARIO_HOST}/<name>.png chooses the scenario <name>; any other picture takes the ordinary course`

/** Every scenario, in the order in which they are shown. */
export const SCENARIOS: readonly Scenario[] = [
  scenario('long-line', 'Over 12,000 stand in front; the line passes in about 20 s.', {
    aheadAtFirst: 12_654,
    lineSteps: 100,
  }),
  scenario('slow', 'Makes 100 slow steps, about a minute.', { steps: 100, stepFactor: 3 }),
  scenario('model-error', 'Completes; the result answers 500 internal_server_error.', {
    failure: modelFailure(500, 'internal_server_error', 'The model failed while it made the video'),
  }),
  scenario('content-policy', 'Completes; the result answers 422 content_policy_violation.', {
    failure: fieldFailure(
      'image_url',
      'content_policy_violation',
      'The content could not be processed because it was flagged by a content checker',
    ),
  }),
  scenario('invalid-input', 'Completes; the result answers 422 with details of motion_bucket_id.', {
    failure: fieldFailure('motion_bucket_id', 'less_than_equal', 'Input should be less than or equal to 255', {
      ctx: { le: 255 },
      input: 999,
    }),
  }),
  scenario('completed-with-error', 'Completes; the status carries error and error_type runner_disconnected.', {
    failure: platformFailure(503, 'runner_disconnected', 'The runner disconnected before it answered'),
  }),
  scenario('result-504-twice', 'Succeeds, but the result answers 504 twice before it gives the video.', {
    resultTimeouts: 2,
  }),
  scenario('cancelled-late', 'When you cancel it, that is acknowledged with 202, yet the video is finished.', {
    ignoresCancel: true,
  }),
  scenario('silent-stream', 'The status stream opens and says nothing; asking for the status works.', {
    silentStream: true,
  }),
  scenario('unreachable-image', 'Completes; the result answers 422 file_download_error.', {
    failure: fieldFailure(
      'image_url',
      'file_download_error',
      'Failed to download the file: is it publicly reachable?',
      {
        input: `http://${SCENARIO_HOST}/unreachable-image.png`,
      },
    ),
  }),
]

/** The scenario that a picture's URL chooses, or null for the ordinary course. */
export function findScenario(imageUrl: unknown): Scenario | null {
  if (typeof imageUrl !== 'string' || imageUrl.startsWith('data:') || !URL.canParse(imageUrl)) return null
  const url = new URL(imageUrl)
  if (url.hostname !== SCENARIO_HOST || !/^https?:$/.test(url.protocol)) return null
  const name = url.pathname.slice(1).replace(/\.\w+$/, '')
  return SCENARIOS.find((candidate) => candidate.name === name) ?? null
}

function scenario(name: string, description: string, effects: ScenarioEffects): Scenario {
  return { name, description, imageUrl: `http://${SCENARIO_HOST}/${name}.png`, effects }
}
