import { type IncomingMessage, maxHeaderSize, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Refusal, refuse } from './refusal.ts'
import { readRetransmitting, toPeer } from './tcp-retransmits.ts'

/** Interval between checks of all connections, in milliseconds. */
const SWEEP_MS = 1_000

/** Slowest allowed rate of sending a body and of reading a response, in bytes per second, over the times below. */
const MIN_RATE = 1_000

/** A body may be slower than that for this long, in milliseconds. */
const BODY_GRACE_MS = 10_000

/** Buffered bytes must be read within this time, or at the minimum rate, in milliseconds. */
const READ_GRACE_MS = 30_000

/** A response that takes longer than this, in milliseconds, is a stream: only streams are checked for retransmits. */
const STREAM_MS = 2_000

/** Interval between reads of the TCP table, in milliseconds, and how long a client may acknowledge nothing. */
const TCP_CHECK_MS = 2_000
const UNACKNOWLEDGED_MS = 5_000

/** Probes of a silent stream: without a TCP table they detect a vanished client, if nothing was sent to it since. */
const PROBES = { enable: true, initialDelay: 8_000, interval: 2_000, count: 3 }

/** The state of one connection. */
interface Connection {
  /** The last request, and the socket's bytesRead at its start. */
  request: { message: IncomingMessage; since: number; bytesRead: number } | null
  /** Responses in progress, more than one with pipelining, and since when there has been one. */
  responses: number
  respondingSince: number
  isProbed: boolean
  /** Since when bytes have been buffered, and how many had been sent then. */
  buffered: { since: number; bytesSent: number } | null
  /** Since when the client has acknowledged nothing. */
  unacknowledgedSince: number | null
}

/**
 * Closes connections whose client does not read, sends a body too slowly, or has vanished. Node's HTTP server itself
 * limits the time of headers and of whole requests.
 */
export function guardConnections(server: Server): void {
  const connections = new Map<Socket, Connection>()
  let checkedAt = Number.NEGATIVE_INFINITY
  let isChecking = false

  server.on('connection', (socket: Socket) => {
    connections.set(socket, {
      request: null,
      responses: 0,
      respondingSince: 0,
      isProbed: false,
      buffered: null,
      unacknowledgedSince: null,
    })
    socket.once('close', () => connections.delete(socket))
    // The HTTP server removes its own listener before an upgrade. A reset before the next owner adds one would end the
    // process.
    socket.on('error', ignore)
  })

  server.on('clientError', (error, socket: Duplex & { _httpMessage?: ServerResponse }) => {
    // Within a response that has started, the error would be read as part of it.
    if (socket._httpMessage?.headersSent) socket.destroy()
    else refuse(socket, toRefusal(error))
  })

  server.on('request', (message: IncomingMessage, response: ServerResponse) => {
    // A write after the client has disconnected emits an error.
    response.on('error', ignore)
    const { socket } = message
    const connection = connections.get(socket)
    if (!connection) return
    const since = performance.now()
    connection.request = { message, since, bytesRead: socket.bytesRead }
    if (connection.responses === 0) connection.respondingSince = since
    connection.responses++
    response.once('close', () => connection.responses--)
  })

  function sweep(): void {
    const now = performance.now()
    for (const [socket, connection] of connections) {
      if (isStuck(socket, connection, now)) socket.destroy()
      else if (isTooSlow(socket, connection, now)) refuse(socket, TOO_SLOW)
    }
    if (now - checkedAt >= TCP_CHECK_MS && !isChecking) {
      checkedAt = now
      void closeVanished(now)
    }
  }

  /** Clients of server-sent events send nothing back: only the kernel notices that one has vanished. */
  async function closeVanished(now: number): Promise<void> {
    const streams = [...connections].filter(
      ([, { responses, respondingSince }]) => responses > 0 && now - respondingSince > STREAM_MS,
    )
    if (streams.length === 0) return
    isChecking = true
    const retransmitting = await readRetransmitting().finally(() => {
      isChecking = false
    })
    for (const [socket, connection] of streams) {
      if (!connection.isProbed) socket.setKeepAlive(PROBES)
      connection.isProbed = true
      connection.unacknowledgedSince = retransmitting.has(toPeer(socket))
        ? (connection.unacknowledgedSince ?? now)
        : null
      if (now - (connection.unacknowledgedSince ?? now) >= UNACKNOWLEDGED_MS) socket.destroy()
    }
  }

  const timer = setInterval(sweep, SWEEP_MS).unref()
  server.once('close', () => clearInterval(timer))
}

const TOO_SLOW: Refusal = {
  status: 408,
  code: 'REQUEST_TIMEOUT',
  message: `The request body arrived too slowly: send at least ${MIN_RATE} bytes per second.`,
}

/** Malformed HTTP gets an error of the same form as every other refusal. */
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

/** Bytes have been buffered for the whole time, and too few of them were sent. */
function isStuck(socket: Socket, connection: Connection, now: number): boolean {
  if (socket.writableLength === 0) {
    connection.buffered = null
    return false
  }
  const bytesSent = countSent(socket)
  connection.buffered ??= { since: now, bytesSent }
  if (now - connection.buffered.since < READ_GRACE_MS) return false
  if (bytesSent - connection.buffered.bytesSent < (MIN_RATE * READ_GRACE_MS) / 1000) return true
  connection.buffered = { since: now, bytesSent }
  return false
}

/** A body has been slower than the minimum rate for its grace period, and the sender is the cause. */
function isTooSlow(socket: Socket, { request }: Connection, now: number): boolean {
  if (!request || request.message.complete || request.message.destroyed) return false
  const elapsedMs = now - request.since
  if (elapsedMs < BODY_GRACE_MS) return false
  // Bytes that this server has not read yet do not count against the sender.
  if (request.message.readableLength > 0 || socket.isPaused()) return false
  return socket.bytesRead - request.bytesRead < (MIN_RATE * elapsedMs) / 1000
}

/** Bytes handed to the kernel: Node counts buffered bytes as written, and reports a large chunk only at its end. */
function countSent(socket: Socket): number {
  const handle = (socket as { _handle?: { bytesWritten?: number; writeQueueSize?: number } | null })._handle
  if (handle?.bytesWritten === undefined || handle.writeQueueSize === undefined)
    return socket.bytesWritten - socket.writableLength
  return handle.bytesWritten - handle.writeQueueSize
}

/** Owners of a connection learn from its `close` that it broke. */
function ignore(): void {}
