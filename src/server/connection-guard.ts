import { type IncomingMessage, maxHeaderSize, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { readRetransmitting, toPeer } from './tcp-retransmits.ts'

/** How often all connections are looked over, in milliseconds. */
const SWEEP_MS = 1_000

/** A body comes in at this rate and an answer is read at it, in bytes a second, averaged over the times below. */
const LEAST_RATE = 1_000

/** A body may take this long to get going, in milliseconds. */
const BODY_GRACE_MS = 10_000

/** Bytes that wait for their reader have to leave within this time, or at the least rate, in milliseconds. */
const DRAIN_MS = 30_000

/** An answer that takes longer than this is a stream, in milliseconds: only those are looked up among the unanswered. */
const STREAM_MS = 2_000

/** How often the unanswered are looked up, in milliseconds, and how long a client may be among them. */
const LOOK_MS = 2_000
const UNANSWERED_MS = 5_000

/**
 * A silent stream is probed: where the kernel does not tell who is unanswered, a client that vanished is noticed by this,
 * as long as nothing was sent to it since.
 */
const PROBES = { enable: true, initialDelay: 8_000, interval: 2_000, count: 3 }

/** What is known of one connection. */
interface Connection {
  /** The last request, and what the socket had read when it began. */
  request: { message: IncomingMessage; since: number; bytesRead: number } | null
  /** Answers under way, more than one when requests are pipelined, and since when there has been one. */
  answers: number
  answeringSince: number
  isProbed: boolean
  /** When bytes began to wait for their reader, and how many had left by then. */
  waiting: { since: number; bytesSent: number } | null
  /** Since when the other side has acknowledged nothing. */
  unansweredSince: number | null
}

/**
 * Cuts connections that cost more than they bring: those that do not read, or send a body by drops, and those whose other
 * side has vanished. Headers, and bodies that take too long in all, are the HTTP server's own business.
 */
export function guardConnections(server: Server): void {
  const connections = new Map<Socket, Connection>()
  let lookedAt = Number.NEGATIVE_INFINITY
  let isLooking = false

  server.on('connection', (socket: Socket) => {
    connections.set(socket, {
      request: null,
      answers: 0,
      answeringSince: 0,
      isProbed: false,
      waiting: null,
      unansweredSince: null,
    })
    socket.once('close', () => connections.delete(socket))
    // The HTTP server takes its own listener away when it hands the socket on to an upgrade. A reset that comes before the
    // next owner has one would end the process.
    socket.on('error', ignore)
  })

  server.on('clientError', (error, socket: Duplex & { _httpMessage?: ServerResponse }) => {
    // Within an answer that has begun, words would be read as a part of it.
    if (socket._httpMessage?.headersSent) socket.destroy()
    else refuse(socket, toRefusal(error))
  })

  server.on('request', (message: IncomingMessage, answer: ServerResponse) => {
    // What is written after the client has gone fails with an event of its own.
    answer.on('error', ignore)
    const { socket } = message
    const connection = connections.get(socket)
    if (!connection) return
    const since = performance.now()
    connection.request = { message, since, bytesRead: socket.bytesRead }
    if (connection.answers === 0) connection.answeringSince = since
    connection.answers++
    answer.once('close', () => connection.answers--)
  })

  function sweep(): void {
    const now = performance.now()
    for (const [socket, connection] of connections) {
      if (isStuck(socket, connection, now)) socket.destroy()
      else if (isTooSlow(socket, connection, now)) refuse(socket, TOO_SLOW)
    }
    if (now - lookedAt >= LOOK_MS && !isLooking) {
      lookedAt = now
      void look(now)
    }
  }

  /** Server-sent events are never answered: that their client has vanished only the kernel notices. */
  async function look(now: number): Promise<void> {
    const streams = [...connections].filter(
      ([, { answers, answeringSince }]) => answers > 0 && now - answeringSince > STREAM_MS,
    )
    if (streams.length === 0) return
    isLooking = true
    const unanswered = await readRetransmitting().finally(() => {
      isLooking = false
    })
    for (const [socket, connection] of streams) {
      if (!connection.isProbed) socket.setKeepAlive(PROBES)
      connection.isProbed = true
      connection.unansweredSince = unanswered.has(toPeer(socket)) ? (connection.unansweredSince ?? now) : null
      if (now - (connection.unansweredSince ?? now) >= UNANSWERED_MS) socket.destroy()
    }
  }

  const timer = setInterval(sweep, SWEEP_MS).unref()
  server.once('close', () => clearInterval(timer))
}

/** Why a connection goes no further. */
export interface Refusal {
  status: number
  code: string
  message: string
}

const TOO_SLOW: Refusal = {
  status: 408,
  code: 'REQUEST_TIMEOUT',
  message: `The request body arrived too slowly: send at least ${LEAST_RATE} bytes per second.`,
}

/** The same words for a request that is no whole HTTP as for all others that are refused. */
function toRefusal({ code, reason }: NodeJS.ErrnoException & { reason?: unknown }): Refusal {
  if (code === 'HPE_HEADER_OVERFLOW')
    return {
      status: 431,
      code: 'HEADERS_TOO_LARGE',
      message: `The request line and headers exceed ${maxHeaderSize} bytes.`,
    }
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW')
    return { status: 413, code: 'PAYLOAD_TOO_LARGE', message: 'The chunk extensions are too large.' }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return {
      status: 408,
      code: 'REQUEST_TIMEOUT',
      message: 'The request took too long: its headers must arrive within 10 s, the whole request within 60 s.',
    }
  const why = typeof reason === 'string' ? `: ${reason}` : ''
  return { status: 400, code: 'BAD_REQUEST', message: `The request is not valid HTTP/1.1${why}.` }
}

/** Answers a connection that goes no further, and closes it whatever the other side does. */
export function refuse(socket: Duplex, { status, code, message }: Refusal): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  socket.once('finish', () => socket.destroy())
  const body = JSON.stringify({ errors: [{ message, extensions: { code } }] })
  const headers = `Content-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}`
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n${headers}\r\n\r\n${body}`)
}

/** Bytes have waited for their reader for the whole time, and too few of them have left. */
function isStuck(socket: Socket, connection: Connection, now: number): boolean {
  if (socket.writableLength === 0) {
    connection.waiting = null
    return false
  }
  const bytesSent = countSent(socket)
  connection.waiting ??= { since: now, bytesSent }
  if (now - connection.waiting.since < DRAIN_MS) return false
  if (bytesSent - connection.waiting.bytesSent < (LEAST_RATE * DRAIN_MS) / 1000) return true
  connection.waiting = { since: now, bytesSent }
  return false
}

/** A body has been under way for its grace at less than the least rate, and it is the sender who is slow. */
function isTooSlow(socket: Socket, { request }: Connection, now: number): boolean {
  if (!request || request.message.complete || request.message.destroyed) return false
  const elapsedMs = now - request.since
  if (elapsedMs < BODY_GRACE_MS) return false
  // What has come and was not taken yet is for this server to take.
  if (request.message.readableLength > 0 || socket.isPaused()) return false
  return socket.bytesRead - request.bytesRead < (LEAST_RATE * elapsedMs) / 1000
}

/** Bytes that the kernel took: Node counts what waits here as written, and tells of a large piece only in the end. */
function countSent(socket: Socket): number {
  const handle = (socket as { _handle?: { bytesWritten?: number; writeQueueSize?: number } | null })._handle
  if (handle?.bytesWritten === undefined || handle.writeQueueSize === undefined)
    return socket.bytesWritten - socket.writableLength
  return handle.bytesWritten - handle.writeQueueSize
}

/** Whoever reads or writes a connection learns from its `close` that it broke. */
function ignore(): void {}
