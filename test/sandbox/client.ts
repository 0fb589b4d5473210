import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { openSandbox, type SandboxOptions } from '../../sandbox/sandbox.ts'
import { makeTemporaryDirectory } from '../helpers/directories.ts'
import { until } from '../helpers/until.ts'

/** The project's sample image. */
export const ROCKET = fileURLToPath(new URL('../../examples/rocket.png', import.meta.url))

const Status = z.looseObject({
  status: z.string(),
  request_id: z.string(),
  queue_position: z.number().optional(),
  response_url: z.string(),
  status_url: z.string(),
  cancel_url: z.string(),
  logs: z
    .array(z.object({ message: z.string(), level: z.string(), source: z.string(), timestamp: z.string() }))
    .nullable(),
  error: z.string().optional(),
  error_type: z.string().optional(),
})

/** The body of a status call to fal's queue. */
export type StatusAnswer = z.infer<typeof Status>

const Video = z.object({
  video: z.object({ url: z.string(), content_type: z.string(), file_name: z.string(), file_size: z.number() }),
  seed: z.number(),
})

/** A sandbox in its own temporary folder, with a plain HTTP client. */
export async function openTestSandbox(options: Omit<SandboxOptions, 'dataDir'> & { dataDir?: string } = {}) {
  const directory = await makeTemporaryDirectory('sandbox-test')
  const errors: unknown[] = []
  const sandbox = await openSandbox({
    dataDir: directory.path,
    stepMs: 0,
    onError: (error) => errors.push(error),
    ...options,
  })
  return {
    ...createClient(sandbox.url),
    errors,
    dataDir: directory.path,
    stop: sandbox.close,
    close: async () => {
      await sandbox.close()
      await directory.remove()
    },
  }
}

/** A plain HTTP client of a sandbox that sends a key. */
export function createClient(url: string) {
  const call = (path: string, init: RequestInit = {}) =>
    fetch(path.startsWith('http') ? path : url + path, {
      ...init,
      headers: { authorization: 'Key test', ...Object(init.headers) },
    })
  const submit = async (input: unknown, query = '') => {
    const response = await call(`/fal-ai/stable-video${query}`, { method: 'POST', body: JSON.stringify(input) })
    return Status.parse(await response.json())
  }
  const status = async (request: StatusAnswer, query = '') => {
    const response = await call(request.status_url + query)
    return { code: response.status, ...Status.parse(await response.json()) }
  }
  const completed = (request: StatusAnswer) =>
    until(
      async () => {
        const answer = await status(request, '?logs=1')
        return answer.status === 'COMPLETED' ? answer : null
      },
      { what: 'COMPLETED', timeoutMs: 15_000 },
    )
  const result = async (request: StatusAnswer) => {
    const response = await call(request.response_url)
    return { code: response.status, headers: response.headers, body: (await response.json()) as unknown }
  }
  const cancel = async (request: Pick<StatusAnswer, 'cancel_url'>) => {
    const response = await call(request.cancel_url, { method: 'PUT' })
    return { code: response.status, body: (await response.json()) as unknown }
  }
  return {
    url,
    call,
    submit,
    status,
    completed,
    result,
    cancel,
    video: async (request: StatusAnswer) => Video.parse((await result(request)).body),
  }
}

/** All status events of a stream, read until it closes. */
export async function readEvents(response: Response): Promise<StatusAnswer[]> {
  const text = await response.text()
  return text
    .split('\n')
    .flatMap((line) => (line.startsWith('data: ') ? [Status.parse(JSON.parse(line.slice(6)))] : []))
}
