import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface RecordedRequest {
  method: string
  /** Path and query, unchanged. */
  url: string
  headers: IncomingHttpHeaders
  body: Buffer
}

/** A response as data: `json` is sent as JSON, `body` unchanged. */
export interface ScriptedAnswer {
  status?: number
  headers?: Record<string, string>
  json?: unknown
  body?: string | Buffer
}

/** Chooses the response by the request. A function that returns nothing leaves the client waiting, or cuts the socket. */
export type Script = (request: RecordedRequest, response: ServerResponse) => ScriptedAnswer | undefined

export interface RecordingServer {
  /** `http://127.0.0.1:PORT` */
  url: string
  /** Every request with a complete body, in order of arrival. */
  requests: RecordedRequest[]
  /** Replaces the response of the server; before the first call the response is 500. */
  script(answer: ScriptedAnswer | Script): void
  /** Closes the server and its open connections. */
  close(): Promise<void>
}

/** An HTTP server on a free loopback port that records requests and sends scripted responses. */
export async function openRecordingServer(): Promise<RecordingServer> {
  const requests: RecordedRequest[] = []
  let script: Script = () => ({ status: 500, body: 'The test gave this server no script.' })
  const server = createServer(async (incoming, response) => {
    const request = await record(incoming).catch(() => null)
    if (request === null) return
    requests.push(request)
    const answer = script(request, response)
    if (answer !== undefined) send(response, answer)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    script(answer) {
      script = typeof answer === 'function' ? answer : () => answer
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}

/** A loopback URL on which no server listens: the port was free a moment ago. */
export async function findRefusedUrl(): Promise<string> {
  const server = await openRecordingServer()
  await server.close()
  return server.url
}

async function record(incoming: IncomingMessage): Promise<RecordedRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  const { method = '', url = '', headers } = incoming
  return { method, url, headers, body: Buffer.concat(chunks) }
}

function send(response: ServerResponse, { status = 200, headers = {}, json, body = '' }: ScriptedAnswer): void {
  const payload = json === undefined ? body : JSON.stringify(json)
  const type = json === undefined ? 'text/plain' : 'application/json'
  response.writeHead(status, { 'content-type': type, ...headers }).end(payload)
}
