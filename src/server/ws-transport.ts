import type { Duplex, Writable } from 'node:stream'
import { CloseCode, type Message, MessageType, parseMessage, type WebSocket as Transport } from 'graphql-ws'
import type { ServerOptions, WebSocket, WebSocketServer } from 'ws'
import type { OnError } from './errors.ts'
import { normalizeParams } from './graphql-params.ts'
import type { MemoryBudget } from './memory-budget.ts'
import { createOperationIds } from './operation-ids.ts'

/** Largest accepted message, in bytes. Images are uploaded or passed by URL, not sent over the socket. */
const MAX_MESSAGE_BYTES = 256 * 1024

/** Largest messages of the types other than `subscribe`, in characters; `connection_init` may contain a token. */
const MAX_LENGTHS: Readonly<Partial<Record<MessageType, number>>> = {
  [MessageType.ConnectionInit]: 8192,
  [MessageType.Ping]: 1024,
  [MessageType.Pong]: 1024,
  [MessageType.Complete]: 1024,
}

/** Longest id of an operation, in characters; a UUID has 36. */
const MAX_ID_LENGTH = 128

/** Message types that only a server sends. */
const SERVER_TYPES: readonly MessageType[] = [MessageType.ConnectionAck, MessageType.Next, MessageType.Error]

/** A socket with more buffered bytes than this is closed at the next send. */
const MAX_BUFFERED_BYTES = 1024 * 1024

/** Messages to a client longer than this, in characters, count against the memory budget. */
const LARGE_LENGTH = 16 * 1024

/** Longest time until a message is complete, in milliseconds: the same as for the body of a request. */
const MESSAGE_MS = 60_000

/** Overhead of a control frame, in bytes. */
const CONTROL_FRAME_BYTES = 6

/** Longest reason in a close frame, in bytes. @see https://www.rfc-editor.org/rfc/rfc6455#section-5.5 */
const MAX_REASON_BYTES = 123

/** A client that does not answer a close frame is disconnected after this, in milliseconds. */
const CLOSE_MS = 2_000

/** Interval between pings, in milliseconds. A client that misses a pong is disconnected at the next. */
const PING_MS = 12_000

/** The close code for "try again later". @see https://www.iana.org/assignments/websocket (1013) */
const TRY_AGAIN_LATER = 1013

/** The messages of a socket in progress, each until its operation ends. */
export interface InProgress {
  count: number
  /** Total length, in characters. */
  length: number
  /** Length of the message being handled, in characters. */
  newest: number
}

/** Options of ws that limit the memory of an incomplete message. */
export const SOCKET_LIMITS = {
  perMessageDeflate: false,
  // One message per turn of the event loop, so that others run in between: 64 kB of them can arrive at once.
  allowSynchronousEvents: false,
  maxPayload: MAX_MESSAGE_BYTES,
  // A message normally has one frame, in network segments of about a kilobyte. Each piece costs about 100 bytes besides
  // its content.
  maxFragments: 1024,
  maxBufferedChunks: 2048,
  closeTimeout: CLOSE_MS,
} satisfies ServerOptions & { closeTimeout: number }

/** Connects graphql-ws to a WebSocket, and limits the memory that the client can make them use. */
export function openTransport(
  webSocket: WebSocket,
  { memory, onError }: { memory: MemoryBudget; onError: OnError },
): { transport: Transport; inProgress: InProgress } {
  const isOpen = () => webSocket.readyState === webSocket.OPEN
  // ws itself closes the socket after an error; without a listener the event would throw.
  webSocket.on('error', () => {})

  function close(code: number, reason = ''): void {
    webSocket.close(code, Buffer.byteLength(reason) > MAX_REASON_BYTES ? '' : reason)
  }

  const ids = createOperationIds()
  const inProgress: InProgress = { count: 0, length: 0, newest: 0 }

  const receive = (text: string, handle: (text: string) => Promise<void>) => {
    // Messages can still arrive while the socket is closing: ignore them.
    if (!isOpen()) return
    const message = toMessage(text)
    if (message === null) return close(CloseCode.BadRequest, 'Invalid message received')
    if (text.length > (MAX_LENGTHS[message.type] ?? Infinity))
      return close(CloseCode.BadRequest, 'Message too large for its type')
    if (message.type === MessageType.Subscribe && message.id.length > MAX_ID_LENGTH)
      return close(CloseCode.BadRequest, `The id is longer than ${MAX_ID_LENGTH} characters`)
    const renamed = ids.toServer(message)
    if (renamed === null) return close(CloseCode.SubscriberAlreadyExists, 'The id belongs to an operation in progress')
    const lease = memory.open()
    if (!lease.extend(text.length)) return close(TRY_AGAIN_LATER, 'The server is overloaded')
    inProgress.count++
    inProgress.length += text.length
    inProgress.newest = text.length
    // graphql-ws accepts parsed messages too, though its types only allow text.
    handle(renamed as unknown as string)
      .catch((error: unknown) => {
        onError(error, { stage: 'websocket' })
        close(TRY_AGAIN_LATER, 'Unexpected error')
      })
      .finally(() => {
        lease.release()
        inProgress.count--
        inProgress.length -= text.length
      })
  }

  /** Resolves when the message has been written to the socket, which makes producers wait for slow readers. */
  function send(message: string): Promise<void> {
    const text = ids.toClient(message)
    if (text === null) return Promise.resolve()
    if (webSocket.bufferedAmount > MAX_BUFFERED_BYTES) webSocket.terminate()
    if (!isOpen()) return Promise.resolve()
    const lease = memory.open()
    if (text.length > LARGE_LENGTH && !lease.reserve(2 * text.length)) webSocket.terminate()
    // A message that cannot be sent resolves too: its client has disconnected.
    return new Promise((resolve) => {
      webSocket.send(text, () => {
        lease.release()
        resolve()
      })
    })
  }

  return {
    transport: {
      protocol: webSocket.protocol,
      send,
      close,
      onMessage: (handle) => webSocket.on('message', (data) => receive(String(data), handle)),
    },
    inProgress,
  }
}

/** Disconnects a socket whose incomplete message exhausts the memory budget or takes too long. */
export function limitIncomplete(webSocket: WebSocket, stream: Duplex, memory: MemoryBudget): void {
  let bytes = 0
  let lease = memory.open()
  let timer: NodeJS.Timeout | undefined

  function settle(left: number): void {
    bytes = Math.max(0, left)
    if (bytes > 0) return
    clearTimeout(timer)
    timer = undefined
    lease.release()
    lease = memory.open()
  }

  // ws emits messages in a later turn than their chunk (`allowSynchronousEvents`), after the chunk has been counted.
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    timer ??= setTimeout(() => webSocket.terminate(), MESSAGE_MS)
    // Twice, since the allocator retains freed chunks. Terminated, since a close handshake would hold the memory until
    // the client answers.
    if (!lease.reserve(2 * chunk.length)) webSocket.terminate()
  })
  // Bytes behind a message in the same chunk are not counted: a chunk has at most 64 KiB.
  webSocket.on('message', () => settle(0))
  for (const kind of ['ping', 'pong'] as const)
    webSocket.on(kind, (payload) => settle(bytes - payload.length - CONTROL_FRAME_BYTES))
  webSocket.once('close', () => settle(0))
}

/**
 * Ignores everything after an invalid frame. Node delivers chunks that waited for a deferred message before it handles
 * the error of one of them, and ws 8.23 reads the next chunk as part of the invalid frame: without a mask that throws,
 * and ends the process.
 */
export function ignoreAfterError(webSocket: WebSocket): void {
  const { _receiver: receiver } = webSocket as unknown as { _receiver: Writable & { _errored: boolean } }
  const write = receiver._write.bind(receiver)
  receiver._write = (chunk, encoding, done) => (receiver._errored ? done() : write(chunk, encoding, done))
}

/** Pings all sockets, and disconnects those that missed the last pong. Returns its stop. */
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

/** Null when the text is not a message that a client may send. */
function toMessage(text: string): Message | null {
  try {
    const given = JSON.parse(text) as { type?: unknown; payload?: unknown } | null
    if (given?.type === MessageType.Subscribe) given.payload = normalizeParams(given.payload)
    const message = parseMessage(given)
    return SERVER_TYPES.includes(message.type) ? null : message
  } catch {
    return null
  }
}
