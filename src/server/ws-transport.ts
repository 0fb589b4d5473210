import { CloseCode, MessageType, parseMessage, type WebSocket as Transport } from 'graphql-ws'
import type { ServerOptions, WebSocket, WebSocketServer } from 'ws'
import type { OnError } from './errors.ts'

/** Largest message taken, in bytes. Pictures do not go over the socket: upload them, or give a URL. */
const MAX_MESSAGE_BYTES = 256 * 1024

/** Largest messages of the types that ask for nothing, in characters; `connection_init` may bring a token. */
const MAX_LENGTHS: Readonly<Partial<Record<MessageType, number>>> = {
  [MessageType.ConnectionInit]: 8192,
  [MessageType.Ping]: 1024,
  [MessageType.Pong]: 1024,
  [MessageType.Complete]: 1024,
}
const LEAST_MAX_LENGTH = Math.min(...Object.values(MAX_LENGTHS))

/** Types that only a server sends. */
const SERVER_TYPES: readonly MessageType[] = [MessageType.ConnectionAck, MessageType.Next, MessageType.Error]

/** A socket for which more than this waits, in bytes, is cut when there is something else to send. */
const MAX_WAITING_BYTES = 1024 * 1024

/** Longest reason in a close frame, in bytes. @see https://www.rfc-editor.org/rfc/rfc6455#section-5.5 */
const MAX_REASON_BYTES = 123

/** A client that does not answer a close is cut off after this, in milliseconds: a drain does not wait for the deaf. */
const CLOSE_MS = 2_000

/** Between two pings, in milliseconds. A client that has not answered one by the next is cut off. */
const PING_MS = 12_000

/** The close code for "come back later". @see https://www.iana.org/assignments/websocket (1013) */
const TRY_AGAIN_LATER = 1013

/** What a socket has under way: messages that are being dealt with, each until its operation ends. */
export interface Underway {
  count: number
  /** In characters, of all of them. */
  length: number
  close(code: number, reason: string): void
}

/** What one socket may make the server hold before a message is whole. */
export function createSocketLimits() {
  return {
    perMessageDeflate: false,
    // One message at a time, and between two of them everybody else has a turn: 64 kB of them can come at once.
    allowSynchronousEvents: false,
    maxPayload: MAX_MESSAGE_BYTES,
    // A message comes in one frame, rarely in some; a segment of the network brings a kilobyte of it. Each piece costs
    // about a hundred bytes, whatever is in it.
    maxFragments: 1024,
    maxBufferedChunks: 2048,
    closeTimeout: CLOSE_MS,
  } satisfies ServerOptions & { closeTimeout: number }
}

/** Brings graphql-ws and a WebSocket together, and bounds what the client can make the two hold. */
export function openTransport(webSocket: WebSocket, onError: OnError): { transport: Transport; underway: Underway } {
  const isOpen = () => webSocket.readyState === webSocket.OPEN
  // What breaks the rules of WebSockets, ws closes by itself and tells here too; so it does with a connection that breaks.
  webSocket.on('error', () => {})

  function close(code: number, reason = ''): void {
    webSocket.close(code, Buffer.byteLength(reason) > MAX_REASON_BYTES ? '' : reason)
  }

  const underway: Underway = { count: 0, length: 0, close }

  function receive(text: string, handle: (text: string) => Promise<void>): void {
    // Whoever is being closed is heard no more, though its messages may still come.
    if (!isOpen()) return
    if (
      text.length > LEAST_MAX_LENGTH &&
      text.length > (MAX_LENGTHS[toType(text) ?? MessageType.Subscribe] ?? Infinity)
    ) {
      close(CloseCode.BadRequest, 'Message too large for its type')
      return
    }
    underway.count++
    underway.length += text.length
    handle(text)
      .catch((error: unknown) => {
        if (SERVER_TYPES.some((type) => type === toType(text))) {
          close(CloseCode.BadRequest, 'Invalid message received')
          return
        }
        onError(error, { stage: 'websocket' })
        close(TRY_AGAIN_LATER, 'Unexpected error')
      })
      .finally(() => {
        underway.count--
        underway.length -= text.length
      })
  }

  /** Resolves when the message has left this process: whoever makes them waits for a slow reader. */
  function send(text: string): Promise<void> {
    if (webSocket.bufferedAmount > MAX_WAITING_BYTES) webSocket.terminate()
    if (!isOpen()) return Promise.resolve()
    // One that could not be sent has no reader any more.
    return new Promise((resolve) => webSocket.send(text, () => resolve()))
  }

  return {
    transport: {
      protocol: webSocket.protocol,
      send,
      close,
      onMessage: (handle) => webSocket.on('message', (data) => receive(String(data), handle)),
    },
    underway,
  }
}

/** Pings all sockets, and cuts off those that have not answered the last one. Returns what ends it. */
export function keepAlive(sockets: WebSocketServer): () => void {
  const unanswered = new WeakSet<WebSocket>()
  sockets.on('connection', (webSocket) => webSocket.on('pong', () => unanswered.delete(webSocket)))
  const timer = setInterval(() => {
    for (const webSocket of sockets.clients) {
      if (unanswered.has(webSocket)) webSocket.terminate()
      else if (webSocket.readyState === webSocket.OPEN) {
        unanswered.add(webSocket)
        webSocket.ping()
      }
    }
  }, PING_MS)
  return () => clearInterval(timer)
}

/** Null for what is no message of the protocol. */
function toType(text: string): MessageType | null {
  try {
    return parseMessage(text).type
  } catch {
    return null
  }
}
