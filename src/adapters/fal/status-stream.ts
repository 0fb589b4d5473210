/**
 * Reads fal's status stream (server-sent events) without the client library, whose stream ends without an error when
 * the connection is cut, does not notice silence, and throws errors that cannot be caught.
 */

import { addAbortListener } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createParser } from 'eventsource-parser'
import { FalError, toFalError, toUnreadable } from './errors.ts'
import { type FalCall, readResponse, toCallFailure } from './request.ts'
import { readStatus, toResponse } from './response.ts'
import type { FalStatus } from './types.ts'

interface StatusStreamOptions {
  url: string
  key: string | null
  signal?: AbortSignal | undefined
  /** Longest time without any bytes, comments included, in milliseconds. */
  silenceMs: number
  /** Limit for the response's headers, in milliseconds. */
  connectMs: number
}

type StreamCall = Pick<FalCall, 'key' | 'signal'>

/** An event is one status with its new log lines. */
const MAX_EVENT_LENGTH = 1024 * 1024

/** Yields each status as it arrives. Ends after COMPLETED, otherwise by throwing a FalError or the signal's reason. */
export async function* readStatusStream(options: StatusStreamOptions): AsyncGenerator<FalStatus, void, undefined> {
  const { url, key, signal, silenceMs, connectMs } = options
  signal?.throwIfAborted()
  const controller = new AbortController()
  const call = { key, signal: controller.signal }
  using _abort = signal && addAbortListener(signal, () => controller.abort(signal.reason))
  let timer: NodeJS.Timeout | undefined
  function expect(timeoutMs: number, message: string): void {
    clearTimeout(timer)
    timer = setTimeout(() => controller.abort(new FalError('interrupted', message)), timeoutMs)
  }
  try {
    expect(connectMs, `fal's status stream did not begin within ${connectMs} ms`)
    const response = await open(url, call)
    const expectNext = () => expect(silenceMs, `fal's status stream was silent for ${silenceMs} ms`)
    expectNext()
    for await (const text of readEvents(response, { call, onBytes: expectNext })) {
      // The consumer's time does not count as fal's silence.
      clearTimeout(timer)
      const status = readStatus(toResponse(text, key))
      yield status
      if (status.state === 'COMPLETED') return
      expectNext()
    }
    throw new FalError('interrupted', "fal's status stream ended before the request did")
  } catch (error) {
    throw error instanceof FalError ? error : toCallFailure(error, call)
  } finally {
    clearTimeout(timer)
    // Closes the connection in every case.
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
  throw toUnreadable(await readResponse(response, call), 'is not an event stream')
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
  // Streaming, because a character may be split between two chunks.
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    onBytes()
    parser.feed(decoder.decode(chunk, { stream: true }))
    if (isTooLong) throw toUnreadable(toResponse('', call.key), 'has an event that is too long')
    for (const event of events.splice(0)) {
      yield event
      // A chunk may hold thousands of events without any change: each is read in its own turn of the event loop.
      await nextTurn()
    }
  }
}
