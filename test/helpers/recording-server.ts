import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface RecordedRequest {
  method: string
  /** Path and query, as they came. */
  url: string
  headers: IncomingHttpHeaders
  body: Buffer
}

/** An answer as data: `json` is sent as JSON, `body` as it is. */
export interface ScriptedAnswer {
  status?: number
  headers?: Record<string, string>
  json?: unknown
  body?: string | Buffer
}

/** Decides by the request; a function that answers nothing leaves the client waiting, or cuts the socket itself. */
export type Script = (request: RecordedRequest, response: ServerResponse) => ScriptedAnswer | undefined

export interface RecordingServer {
  /** `http://127.0.0.1:PORT` */
  url: string
  /** Every request whose body came in whole, in order of arrival. */
  requests: RecordedRequest[]
  /** Replaces what the server answers from now on; 500 until it was called. */
  script(answer: ScriptedAnswer | Script): void
  /** Ends open connections too. */
  close(): Promise<void>
}

/** An HTTP server on a free loopback port that writes down what it is asked and says what it was told to say. */
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

/** A loopback URL where nothing listens: the port was free a moment ago. */
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
