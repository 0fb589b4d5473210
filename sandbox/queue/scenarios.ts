import { type Failure, fieldFailure, modelFailure, platformFailure } from './failures.ts'

/** How a scenario differs from an ordinary run. Times are counted in steps, so a shorter step shortens them. */
export interface ScenarioEffects {
  /** Queue position reported at first. */
  initialPosition?: number
  /** Time in the queue, in steps. */
  queueSteps?: number
  /** Number of steps that the model runs. */
  steps?: number
  /** Factor on the length of each step. */
  stepFactor?: number
  /** The request fails with this after its first steps. */
  failure?: Failure
  /** How many times the result call returns 504 before the result. */
  resultTimeouts?: number
  /** A cancel is acknowledged and then ignored. */
  ignoresCancel?: boolean
  /** The status stream opens and sends nothing. */
  silentStream?: boolean
}

/** A named run that a caller chooses by the image's URL. */
interface Scenario {
  name: string
  /** What happens, in one sentence. */
  description: string
  /** The `image_url` that chooses it. */
  imageUrl: string
  effects: ScenarioEffects
}

/** The host that chooses scenarios; `.test` is reserved and never resolves. */
export const SCENARIO_HOST = 'sandbox.test'

export const SCENARIO_RULE = `image_url = http://${SCENARIO_HOST}/<name>.png chooses the scenario <name>; any other image gets an ordinary run`

export const SCENARIOS: readonly Scenario[] = [
  scenario('long-line', 'Starts more than 12,000 places back in the queue; its turn comes in about 20 s.', {
    initialPosition: 12_654,
    queueSteps: 100,
  }),
  scenario('slow', 'Runs 100 slow steps, about a minute.', { steps: 100, stepFactor: 3 }),
  scenario('model-error', 'Completes; the result call returns 500 internal_server_error.', {
    failure: modelFailure(500, 'internal_server_error', 'The model failed while generating the video'),
  }),
  scenario('content-policy', 'Completes; the result call returns 422 content_policy_violation.', {
    failure: fieldFailure(
      'image_url',
      'content_policy_violation',
      'The content could not be processed because it was flagged by a content checker',
    ),
  }),
  scenario('invalid-input', 'Completes; the result call returns 422 with details of motion_bucket_id.', {
    failure: fieldFailure('motion_bucket_id', 'less_than_equal', 'Input should be less than or equal to 255', {
      ctx: { le: 255 },
      input: 999,
    }),
  }),
  scenario('completed-with-error', 'Completes; the status has error and error_type runner_disconnected.', {
    failure: platformFailure(503, 'runner_disconnected', 'The runner disconnected before it responded'),
  }),
  scenario('result-504-twice', 'Succeeds, but the result call returns 504 twice before the video.', {
    resultTimeouts: 2,
  }),
  scenario('cancelled-late', 'A cancel is acknowledged with 202, but the video is finished anyway.', {
    ignoresCancel: true,
  }),
  scenario('silent-stream', 'The status stream opens and sends nothing; polling the status works.', {
    silentStream: true,
  }),
  scenario('unreachable-image', 'Completes; the result call returns 422 file_download_error.', {
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

/** The scenario that an image's URL chooses, or null for an ordinary run. */
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
