import { connect } from 'node:net'
import type { HttpRequest } from './http-requests.ts'

export interface RawAnswer {
  status: number
  headers: Record<string, string>
  body: string
}

/**
 * - `answered`: a whole answer came, or a stream began.
 * - `closed`: the server closed or reset the connection without one.
 * - `silent`: neither happened in the time given.
 */
export type Exchange = { outcome: 'answered'; answer: RawAnswer } | { outcome: 'closed' | 'silent'; answer: null }

/** A stream does not end by itself: what it sends in this time is its answer, in milliseconds. */
const STREAM_MS = 50
/** More than any answer may have, in bytes; the rest is not read. */
const MAX_ANSWER_BYTES = 2 * 1024 * 1024

/** Sends a request as it is over a connection of its own, and reads one answer. */
export async function exchange(
  port: number,
  { method, pieces }: Pick<HttpRequest, 'method' | 'pieces'>,
  { timeoutMs, reset = false }: { timeoutMs: number; reset?: boolean },
): Promise<Exchange> {
  const socket = connect(port, '127.0.0.1')
  socket.setNoDelay()
  const { promise, resolve } = Promise.withResolvers<Exchange>()
  let received = Buffer.alloc(0)
  let streaming: NodeJS.Timeout | undefined
  const timer = setTimeout(() => resolve({ outcome: 'silent', answer: null }), timeoutMs)
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    const parsed = parseAnswer(received, method)
    if (parsed === null) return
    if (parsed.isComplete || received.length > MAX_ANSWER_BYTES) resolve({ outcome: 'answered', answer: parsed.answer })
    else if (parsed.isStream)
      streaming ??= setTimeout(() => {
        const now = parseAnswer(received, method)
        if (now) resolve({ outcome: 'answered', answer: now.answer })
      }, STREAM_MS)
  })
  socket.on('close', () => {
    const parsed = parseAnswer(received, method)
    resolve(parsed ? { outcome: 'answered', answer: parsed.answer } : { outcome: 'closed', answer: null })
  })
  // A reset: `close` comes as well.
  socket.on('error', () => {})
  socket.on('connect', async () => {
    for (const piece of pieces) {
      if (socket.destroyed) return
      // The next piece goes out as a packet of its own.
      if (!socket.write(piece)) await new Promise((resolve) => socket.once('drain', resolve).once('close', resolve))
      else if (pieces.length > 1) await new Promise((resolve) => setImmediate(resolve))
    }
  })
  const result = await promise
  clearTimeout(timer)
  clearTimeout(streaming)
  if (reset) socket.resetAndDestroy()
  else socket.destroy()
  return result
}

interface Parsed {
  answer: RawAnswer
  isComplete: boolean
  isStream: boolean
}

/** Reads the first final answer of what came; null while its head is not there yet. */
export function parseAnswer(bytes: Buffer, method = 'GET'): Parsed | null {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return null
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n')
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1] ?? 0)
  const rest = bytes.subarray(end + 4)
  if (status >= 100 && status < 200 && status !== 101) return parseAnswer(rest, method)
  const headers: Record<string, string> = {}
  for (const line of lines)
    headers[line.slice(0, line.indexOf(':')).toLowerCase()] = line.slice(line.indexOf(':') + 1).trim()
  const isStream = /^(text\/event-stream|multipart\/mixed)/.test(headers['content-type'] ?? '')
  const done = (body: string, isComplete: boolean): Parsed => ({
    answer: { status, headers, body },
    isComplete,
    isStream,
  })
  if (method === 'HEAD' || status === 204 || status === 304 || status === 101) return done('', true)
  if (headers['transfer-encoding'] === 'chunked') {
    const chunks = readChunks(rest)
    return done(chunks.body, chunks.isComplete)
  }
  const length = headers['content-length']
  return done(rest.toString(), length !== undefined && rest.length >= Number(length))
}

function readChunks(bytes: Buffer): { body: string; isComplete: boolean } {
  const parts: Buffer[] = []
  let at = 0
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    const size = lineEnd < 0 ? Number.NaN : Number.parseInt(bytes.subarray(at, lineEnd).toString('latin1'), 16)
    if (Number.isNaN(size) || size === 0) return { body: Buffer.concat(parts).toString(), isComplete: size === 0 }
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size))
    at = lineEnd + 2 + size + 2
  }
}
