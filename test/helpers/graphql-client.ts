import { createClient } from 'graphql-ws'
import { WebSocket } from 'ws'
import type { TypedDocumentString } from '../../operations/generated/graphql.ts'

type Json = Record<string, unknown>

export interface GraphQLResponse<Data> {
  status: number
  data: Data
  errors: { message: string; path?: (string | number)[]; extensions: { code?: string } & Json }[]
}

/** One event of a subscription. */
export interface Result<Data> {
  data?: Data | null | undefined
  errors?: readonly { message: string; extensions?: Json | undefined }[] | undefined
}

/** A document in the test, or one of operations/. */
export type Operation<Data, Variables> = TypedDocumentString<Data, Variables> | string

/** Runs an operation over HTTP and returns the whole result, errors included. */
export async function request<Data = Json, Variables = Json>(
  url: string,
  operation: Operation<Data, Variables>,
  variables?: Variables,
): Promise<GraphQLResponse<Data>> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ query: operation.toString(), variables }),
  })
  return await read(response)
}

/** A GraphQL multipart request with one file, as the variable `file`. */
export async function upload<Data = Json>(
  url: string,
  operation: Operation<Data, never>,
  file: Blob,
): Promise<GraphQLResponse<Data>> {
  const form = new FormData()
  form.set('operations', JSON.stringify({ query: operation.toString(), variables: { file: null } }))
  form.set('map', JSON.stringify({ 0: ['variables.file'] }))
  form.set('0', file, 'image')
  return await read(
    await fetch(`${url}/graphql`, {
      method: 'POST',
      body: form,
      headers: { accept: 'application/json', 'graphql-require-preflight': 'true' },
    }),
  )
}

async function read<Data>(response: Response): Promise<GraphQLResponse<Data>> {
  const { data, errors = [] } = (await response.json()) as { data: Data; errors?: GraphQLResponse<Data>['errors'] }
  return { status: response.status, data, errors }
}

/** Subscribes over its own WebSocket. Closing the iterator closes the socket, also while it waits for an event. */
export function subscribe<Data = Json, Variables = Json>(
  url: string,
  operation: Operation<Data, Variables>,
  variables?: Variables,
): AsyncGenerator<Result<Data>> {
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
  })
  const results = client.iterate<Data>({ query: operation.toString(), variables: (variables ?? {}) as Json })
  async function* read(): AsyncGenerator<Result<Data>> {
    try {
      yield* results
    } finally {
      await client.dispose()
    }
  }
  return closeAtOnce(read(), () => results.return?.())
}

/** Subscribes over server-sent events. Closing the iterator cuts the connection, also while it waits for an event. */
export function subscribeOverSse<Data = Json, Variables = Json>(
  url: string,
  operation: Operation<Data, Variables>,
  variables?: Variables,
): AsyncGenerator<Result<Data>> {
  const controller = new AbortController()
  return closeAtOnce(readEvents(url, operation, variables, controller), () => controller.abort())
}

/** A plain generator's `return` waits for the pending `next`; `stop` ends that `next`. */
function closeAtOnce<T>(generator: AsyncGenerator<T>, stop: () => unknown): AsyncGenerator<T> {
  const close = generator.return.bind(generator)
  generator.return = async (value) => {
    await stop()
    return await close(value)
  }
  return generator
}

async function* readEvents<Data, Variables>(
  url: string,
  operation: Operation<Data, Variables>,
  variables: Variables | undefined,
  controller: AbortController,
): AsyncGenerator<Result<Data>> {
  try {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ query: operation.toString(), variables }),
      signal: controller.signal,
    })
    if (!response.body) throw new Error('the response has no body')
    let text = ''
    const decoder = new TextDecoder()
    for await (const chunk of response.body) {
      text += decoder.decode(chunk, { stream: true })
      const events = text.split('\n\n')
      text = events.pop() ?? ''
      for (const event of events) {
        if (/^event: complete/m.test(event)) return
        const data = /^data: (.+)$/m.exec(event)?.[1]
        if (data !== undefined) yield JSON.parse(data)
      }
    }
    throw new Error('the stream ended without `complete`')
  } catch (error) {
    // The caller closed the iterator.
    if (!controller.signal.aborted) throw error
  } finally {
    controller.abort()
  }
}
