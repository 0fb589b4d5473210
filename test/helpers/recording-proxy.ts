import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'

/** A proxy between the server and fal that records all traffic. */
export interface RecordingProxy {
  url: string
  requests: { method: string; path: string }[]
  stop(): Promise<void>
}

/** @param pass - maps fal's response to the one that the server gets; by default unchanged. */
export async function startRecordingProxy(
  target: string,
  pass: (request: Request, answer: Response) => Response = (_request, answer) => answer,
): Promise<RecordingProxy> {
  const requests: RecordingProxy['requests'] = []
  const server = serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: async (request) => {
      const { pathname, search } = new URL(request.url)
      requests.push({ method: request.method, path: pathname })
      const headers = new Headers(request.headers)
      headers.delete('host')
      const body = request.body === null ? null : await request.arrayBuffer()
      return pass(request, await fetch(`${target}${pathname}${search}`, { method: request.method, headers, body }))
    },
  })
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    stop: async () => {
      const closed = once(server, 'close')
      server.close()
      if ('closeAllConnections' in server) server.closeAllConnections()
      await closed
    },
  }
}
