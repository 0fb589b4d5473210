import { once } from 'node:events'
import { WebSocket } from 'ws'
import { until } from '../helpers/until.ts'

/** A message of graphql-transport-ws, as it came. */
export interface Message {
  type: string
  id?: string
  payload?: unknown
}

/** A WebSocket that knows nothing of the protocol, and keeps all that comes. */
export interface RawSocket {
  messages: Message[]
  /** Sends text as it is, and anything else as JSON. */
  send(message: unknown): void
  sendBinary(bytes: Uint8Array): void
  /** The close code, once the server has closed. */
  closed(timeoutMs?: number): Promise<number>
  /** Resolves to the first message that fits. */
  received(fits: (message: Message) => boolean): Promise<Message>
  /** All that came for an operation. */
  of(id: string): Message[]
  readonly isOpen: boolean
  /** Cuts the connection without a word. */
  cut(): void
}

/** @param headers - `sec-websocket-protocol` here names a subprotocol that the client does not insist on. */
export async function openRawSocket(
  url: string,
  { protocol, headers = {} }: { protocol?: string; headers?: Record<string, string> } = {},
): Promise<RawSocket> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, protocol, { headers })
  const messages: Message[] = []
  let code: number | undefined
  socket.on('message', (data) => messages.push(JSON.parse(String(data))))
  socket.on('close', (closeCode) => {
    code = closeCode
  })
  await once(socket, 'open')
  // A server that closes while we still send resets the connection: which counts as a close too.
  socket.on('error', () => {})
  return {
    messages,
    send: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    sendBinary: (bytes) => socket.send(bytes, { binary: true }),
    closed: (timeoutMs = 5000) => until(() => code, { timeoutMs, what: 'the server to close the socket' }),
    received: (fits) => until(() => messages.find(fits), { what: `a message, after ${JSON.stringify(messages)}` }),
    of: (id) => messages.filter((message) => message.id === id),
    get isOpen() {
      return socket.readyState === WebSocket.OPEN
    },
    cut: () => socket.terminate(),
  }
}

/** A socket on which operations can be started. */
export async function openGraphQLSocket(url: string): Promise<RawSocket> {
  const socket = await openRawSocket(url, { protocol: 'graphql-transport-ws' })
  socket.send({ type: 'connection_init' })
  await socket.received(({ type }) => type === 'connection_ack')
  return socket
}

/** Makes sockets ask for the protocol by name. */
export const PROTOCOL = { protocol: 'graphql-transport-ws' }

/** The message that asks for an operation; what is no valid id can be given too. */
export const operation = (id: unknown, query: string, variables = {}) => ({
  type: 'subscribe',
  id,
  payload: { query, variables },
})

export const typename = (id: unknown) => operation(id, '{ __typename }')

/** Opens the sockets of a test file: `cutAll` after each test leaves none. */
export function createSocketOpener(url: () => string) {
  const sockets: RawSocket[] = []
  const keep = (socket: RawSocket) => {
    sockets.push(socket)
    return socket
  }
  return {
    open: async (options?: Parameters<typeof openRawSocket>[1]) => keep(await openRawSocket(url(), options)),
    /** Through the handshake: operations can be sent. */
    openReady: async () => keep(await openGraphQLSocket(url())),
    cutAll: () => {
      for (const socket of sockets.splice(0)) socket.cut()
    },
  }
}
