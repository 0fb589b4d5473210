import type { Duplex, Writable } from 'node:stream'
import { CloseCode, type Message, MessageType, parseMessage, type WebSocket as Transport } from 'graphql-ws'
import type { ServerOptions, WebSocket, WebSocketServer } from 'ws'
import type { OnError } from './errors.ts'
import { normalizeParams } from './graphql-params.ts'
import type { MemoryBudget } from './memory-budget.ts'
import { createOperationIds } from './operation-ids.ts'

/** Largest message taken, in bytes. Pictures do not go over the socket: upload them, or give a URL. */
const MAX_MESSAGE_BYTES = 256 * 1024

/** Largest messages of the types that ask for nothing, in characters; `connection_init` may bring a token. */
const MAX_LENGTHS: Readonly<Partial<Record<MessageType, number>>> = {
  [MessageType.ConnectionInit]: 8192,
  [MessageType.Ping]: 1024,
  [MessageType.Pong]: 1024,
  [MessageType.Complete]: 1024,
}

/** Longest id of an operation, in characters; a UUID has 36. */
const MAX_ID_LENGTH = 128

/** Types that only a server sends. */
const SERVER_TYPES: readonly MessageType[] = [MessageType.ConnectionAck, MessageType.Next, MessageType.Error]

/** A socket for which more than this waits, in bytes, is cut when there is something else to send. */
const MAX_WAITING_BYTES = 1024 * 1024

/** Messages to a client that are longer, in characters, count for what the process has under way. */
const LARGE_LENGTH = 16 * 1024

/** How long a message may take to come in whole, in milliseconds: as long as the body of a request. */
const MESSAGE_MS = 60_000

/** Bytes of a control frame besides its payload. */
const CONTROL_FRAME_BYTES = 6

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
  /** Of the message that is being handed on, in characters. */
  newest: number
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
export function openTransport(
  webSocket: WebSocket,
  { memory, onError }: { memory: MemoryBudget; onError: OnError },
): { transport: Transport; underway: Underway } {
  const isOpen = () => webSocket.readyState === webSocket.OPEN
  // What breaks the rules of WebSockets, ws closes by itself and tells here too; so it does with a connection that breaks.
  webSocket.on('error', () => {})

  function close(code: number, reason = ''): void {
    webSocket.close(code, Buffer.byteLength(reason) > MAX_REASON_BYTES ? '' : reason)
  }

  const ids = createOperationIds()
  const underway: Underway = { count: 0, length: 0, newest: 0 }

  function receive(text: string, handle: (text: string) => Promise<void>): void {
    // Whoever is being closed is heard no more, though its messages may still come.
    if (!isOpen()) return
    const message = toMessage(text)
    if (message === null) {
      close(CloseCode.BadRequest, 'Invalid message received')
      return
    }
    if (text.length > (MAX_LENGTHS[message.type] ?? Infinity)) {
      close(CloseCode.BadRequest, 'Message too large for its type')
      return
    }
    if (message.type === MessageType.Subscribe && message.id.length > MAX_ID_LENGTH) {
      close(CloseCode.BadRequest, `The id is longer than ${MAX_ID_LENGTH} characters`)
      return
    }
    const entered = ids.enter(message)
    if (entered === null) {
      close(CloseCode.SubscriberAlreadyExists, 'The id belongs to an operation in progress')
      return
    }
    const lease = memory.open()
    if (!lease.extend(text.length)) {
      close(TRY_AGAIN_LATER, 'The server is overloaded')
      return
    }
    underway.count++
    underway.length += text.length
    underway.newest = text.length
    // graphql-ws reads messages that are parsed already as well, though its types know only of text.
    handle(entered as unknown as string)
      .catch((error: unknown) => {
        onError(error, { stage: 'websocket' })
        close(TRY_AGAIN_LATER, 'Unexpected error')
      })
      .finally(() => {
        lease.release()
        underway.count--
        underway.length -= text.length
      })
  }

  /** Resolves when the message has left this process: whoever makes them waits for a slow reader. */
  function send(message: string): Promise<void> {
    const text = ids.leave(message)
    if (text === null) return Promise.resolve()
    if (webSocket.bufferedAmount > MAX_WAITING_BYTES) webSocket.terminate()
    if (!isOpen()) return Promise.resolve()
    const lease = memory.open()
    if (text.length > LARGE_LENGTH && !lease.reserve(2 * text.length)) webSocket.terminate()
    // One that could not be sent has no reader any more.
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
    underway,
  }
}

/**
 * Counts what has come of a message that is not whole yet, and cuts a socket for which there is no memory, or that takes too
 * long.
 */
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

  // ws tells of what a piece completes in a later turn (`allowSynchronousEvents`), so that the piece has been counted by then.
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    timer ??= setTimeout(() => webSocket.terminate(), MESSAGE_MS)
    // Twice, for the allocator keeps what is given back in such pieces. Closed in order, it would be held until the client agrees.
    if (!lease.reserve(2 * chunk.length)) webSocket.terminate()
  })
  // Of what comes after it in the same piece nothing is counted: a piece has 64 KiB.
  webSocket.on('message', () => settle(0))
  for (const kind of ['ping', 'pong'] as const)
    webSocket.on(kind, (payload) => settle(bytes - payload.length - CONTROL_FRAME_BYTES))
  webSocket.once('close', () => settle(0))
}

/**
 * Passes over all that comes behind a frame that broke the rules. Node hands on chunks that waited for a deferred message
 * before it acts on the error of one of them, and ws 8.23 reads the next as part of the broken frame: without its mask that
 * throws, and ends the process.
 */
export function endAfterError(webSocket: WebSocket): void {
  const { _receiver: receiver } = webSocket as unknown as { _receiver: Writable & { _errored: boolean } }
  const write = receiver._write.bind(receiver)
  receiver._write = (chunk, encoding, done) => (receiver._errored ? done() : write(chunk, encoding, done))
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

/** Null for what is no message that a client may send. */
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
