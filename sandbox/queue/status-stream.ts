import type { Queue } from './queue.ts'
import { statusBody, type VideoRequest } from './request.ts'

export interface StatusStreamOptions {
  baseUrl: string
  withLogs: boolean
  /** Opens and says nothing, not even a ping. */
  silent: boolean
  pingMs: number
  /** Ends the stream when the sandbox closes. */
  signal: AbortSignal
}

/** Positions change with time alone, so a waiting request is looked at this often. */
const LOOK_MS = 100

/** A request's course as server-sent events: each carries the status and only the new log lines; ends after COMPLETED. */
export function streamStatus(queue: Queue, request: VideoRequest, options: StatusStreamOptions): Response {
  const { baseUrl, withLogs, silent, pingMs, signal } = options
  let stop = () => {}
  const body = new ReadableStream<string>({
    start: (controller) => {
      let told = { state: '', logs: 0 }
      const look = () => {
        const current = queue.find(request.id) ?? request
        const state = `${current.stage} ${current.stage === 'queued' ? current.position : ''}`
        if (state === told.state && (!withLogs || current.logs.length === told.logs)) return
        const logs = withLogs ? current.logs.slice(told.logs) : null
        told = { state, logs: current.logs.length }
        controller.enqueue(`data: ${JSON.stringify(statusBody(current, { baseUrl, logs }))}\n\n`)
        if (current.stage === 'ended') finish()
      }
      const timers = silent
        ? []
        : [setInterval(look, LOOK_MS), setInterval(() => controller.enqueue(': ping\n\n'), pingMs)]
      const unwatch = silent ? () => {} : queue.watch(request.id, look)
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
      if (!silent) look()
    },
    cancel: () => stop(),
  }).pipeThrough(new TextEncoderStream())
  return new Response(body, { headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' } })
}
