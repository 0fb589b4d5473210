import { openGraphQLSocket } from '../api/raw-socket.ts'

/** An operation as a client sends it; any of it may be wrong. */
export interface Sent {
  query: string
  variables?: Record<string, unknown>
}

/** What came back. */
export interface Answer {
  /** All of it, as it came. */
  text: string
  data: unknown
  errors: { message: string; path?: unknown[]; locations?: unknown[]; extensions?: { code?: string } }[]
}

export type Send = (url: string, sent: Sent) => Promise<Answer>

const PREFLIGHT = { 'graphql-require-preflight': 'true' }

function post(accept: string): (url: string, sent: Sent) => Promise<string> {
  return async (url, sent) => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept },
      body: JSON.stringify(sent),
    })
    return await response.text()
  }
}

async function overGet(url: string, { query, variables = {} }: Sent): Promise<string> {
  const search = new URLSearchParams({ query, variables: JSON.stringify(variables) })
  const response = await fetch(`${url}/graphql?${search}`, { headers: { ...PREFLIGHT, accept: 'application/json' } })
  return await response.text()
}

/** The first event of the stream. */
async function overSse(url: string, sent: Sent): Promise<string> {
  const text = await post('text/event-stream')(url, sent)
  return /^data: (.+)$/m.exec(text)?.[1] ?? text
}

async function overWebSocket(url: string, sent: Sent): Promise<string> {
  const socket = await openGraphQLSocket(url)
  try {
    socket.send({ type: 'subscribe', id: '1', payload: sent })
    const { type, payload } = await socket.received(({ id }) => id === '1')
    return JSON.stringify(type === 'error' ? { errors: payload } : payload)
  } finally {
    socket.cut()
  }
}

function read(send: (url: string, sent: Sent) => Promise<string>): Send {
  return async (url, sent) => {
    const text = await send(url, sent)
    const { data, errors = [] } = JSON.parse(text) as Partial<Answer>
    return { text, data, errors }
  }
}

/** Every way to send an operation. */
export const TRANSPORTS = {
  POST: read(post('application/graphql-response+json')),
  GET: read(overGet),
  SSE: read(overSse),
  WebSocket: read(overWebSocket),
} satisfies Record<string, Send>

/** Those that take a body: a URL is 16 kB at most. */
export const { GET: _url, ...BODY_TRANSPORTS } = TRANSPORTS
