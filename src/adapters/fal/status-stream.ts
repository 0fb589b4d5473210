/**
 * fal's status stream (server-sent events), read by ourselves: the client library's ends quietly when it is cut, never
 * notices silence, and throws where nobody can catch.
 */

import { setImmediate as nextTurn } from 'node:timers/promises'
import { createParser } from 'eventsource-parser'
import { FalError, toFalError, toUnreadable } from './errors.ts'
import { readResponse, toCallFailure } from './request.ts'
import { readStatus, toResponse } from './response.ts'
import type { FalStatus } from './types.ts'

export interface StatusStreamOptions {
  url: string
  key: string | null
  signal?: AbortSignal | undefined
  /** How long nothing at all may come, not even a comment, in milliseconds. */
  silenceMs: number
  /** How long the first answer may take, in milliseconds. */
  connectMs: number
}

/** One event is one status with its new log lines. */
const MAX_EVENT_LENGTH = 1024 * 1024

/**
 * Yields each status as it comes. Ends after COMPLETED was read, and in no other way but by throwing.
 * @throws FalError, or the reason of `signal`
 */
export async function* readStatusStream(options: StatusStreamOptions): AsyncGenerator<FalStatus, void, undefined> {
  const { url, key, signal, silenceMs, connectMs } = options
  signal?.throwIfAborted()
  const controller = new AbortController()
  const call = { key, signal: controller.signal }
  const abort = () => controller.abort(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  const watchdog = createWatchdog((message) => controller.abort(new FalError('interrupted', message)))
  try {
    watchdog.expect(connectMs, `fal's status stream did not begin within ${connectMs} ms`)
    const response = await open(url, call)
    const expectNext = () => watchdog.expect(silenceMs, `fal's status stream was silent for ${silenceMs} ms`)
    expectNext()
    for await (const text of readEvents(response, { call, onBytes: expectNext })) {
      // How long the reader takes is not fal's silence.
      watchdog.rest()
      const status = readStatus(toResponse(text, key))
      yield status
      if (status.state === 'COMPLETED') return
      expectNext()
    }
    throw new FalError('interrupted', "fal's status stream ended before the request did")
  } catch (error) {
    throw error instanceof FalError ? error : toCallFailure(error, call)
  } finally {
    watchdog.rest()
    signal?.removeEventListener('abort', abort)
    // Ends the connection, however the reading ended.
    controller.abort()
  }
}

async function open(url: string, call: StreamCall): Promise<Response> {
  const headers: Record<string, string> = { accept: 'text/event-stream', 'cache-control': 'no-store' }
  if (call.key !== null) headers.authorization = `Key ${call.key}`
  const response = await fetch(url, { headers, redirect: 'manual', signal: call.signal })
  if (!response.ok) throw toFalError(await readResponse(response, call))
  const type = response.headers.get('content-type') ?? ''
  if (/^text\/event-stream\b/i.test(type)) return response
  throw toUnreadable(await readResponse(response, call), 'that is no stream of events')
}

interface StreamCall {
  key: string | null
  signal: AbortSignal
}

async function* readEvents(
  response: Response,
  { call, onBytes }: { call: StreamCall; onBytes: () => void },
): AsyncGenerator<string, void, undefined> {
  const events: string[] = []
  let isTooLong = false
  const parser = createParser({
    onEvent: ({ data }) => events.push(data),
    maxBufferSize: MAX_EVENT_LENGTH,
    onError: ({ type }) => {
      isTooLong ||= type === 'max-buffer-size-exceeded'
    },
  })
  // Streaming: a character may come in two chunks.
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    onBytes()
    parser.feed(decoder.decode(chunk, { stream: true }))
    if (isTooLong) throw toUnreadable(toResponse('', call.key), 'with an event that is too long')
    for (const event of events.splice(0)) {
      yield event
      // A chunk may hold thousands of events that are no news: each is read in a turn of its own.
      await nextTurn()
    }
  }
}

/** Barks when what is expected does not come in time. */
function createWatchdog(bark: (message: string) => void) {
  let timer: NodeJS.Timeout | undefined
  return {
    expect: (timeoutMs: number, message: string): void => {
      clearTimeout(timer)
      timer = setTimeout(() => bark(message), timeoutMs)
    },
    rest: (): void => clearTimeout(timer),
  }
}
