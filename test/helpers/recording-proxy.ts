import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'

/** Stands between the server and fal, and writes down what goes through. */
export interface RecordingProxy {
  url: string
  requests: { method: string; path: string }[]
  stop(): Promise<void>
}

/** @param pass - what the server gets in place of an answer of fal's; by default that answer */
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
