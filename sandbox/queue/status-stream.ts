import type { Queue } from './queue.ts'
import { statusBody, type VideoRequest } from './request.ts'

export interface StatusStreamOptions {
  baseUrl: string
  withLogs: boolean
  /** Opens the stream and sends nothing, not even a ping. */
  silent: boolean
  pingMs: number
  /** Ends the stream when the sandbox closes. */
  signal: AbortSignal
}

/** Queue positions change with time alone and notify nobody, so the stream also polls the request. */
const POLL_MS = 100

/** Streams a request's status as server-sent events, each with the new log lines only; ends after COMPLETED. */
export function streamStatus(queue: Queue, request: VideoRequest, options: StatusStreamOptions): Response {
  const { baseUrl, withLogs, silent, pingMs, signal } = options
  let stop = () => {}
  const body = new ReadableStream<string>({
    start: (controller) => {
      let sent = { state: '', logs: 0 }
      const sendIfChanged = () => {
        const current = queue.find(request.id) ?? request
        const state = `${current.stage} ${current.stage === 'queued' ? current.position : ''}`
        if (state === sent.state && (!withLogs || current.logs.length === sent.logs)) return
        const logs = withLogs ? current.logs.slice(sent.logs) : null
        sent = { state, logs: current.logs.length }
        controller.enqueue(`data: ${JSON.stringify(statusBody(current, { baseUrl, logs }))}\n\n`)
        if (current.stage === 'ended') finish()
      }
      const timers = silent
        ? []
        : [setInterval(sendIfChanged, POLL_MS), setInterval(() => controller.enqueue(': ping\n\n'), pingMs)]
      const unwatch = silent ? () => {} : queue.watch(request.id, sendIfChanged)
      stop = () => {
        for (const timer of timers) clearInterval(timer)
        unwatch()
        signal.removeEventListener('abort', finish)
      }
      function finish() {
        stop()
        controller.close()
      }
      signal.addEventListener('abort', finish)
      if (!silent) sendIfChanged()
    },
    cancel: () => stop(),
  }).pipeThrough(new TextEncoderStream())
  return new Response(body, { headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' } })
}
