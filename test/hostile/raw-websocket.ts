import { connect, type Socket } from 'node:net'
import { type Conversation, toFrame } from './frames.ts'

/** What the server said. A socket that was refused has a `status` other than 101. */
export interface Heard {
  /**
   * - `alive`: the server answered a ping after all of it.
   * - `closed`: it closed, or reset, the connection.
   * - `silent`: neither, in the time given.
   */
  outcome: 'alive' | 'closed' | 'silent'
  status: number | null
  messages: string[]
  closeCode: number | null
}

const LAST_PING = '{"type":"ping","payload":"are you there"}'
const LAST_PONG = '{"type":"pong","payload":"are you there"}'
/** The server may wait for the rest of a frame: it is not waited for longer than this, in milliseconds. */
const BROKEN_MS = 50
/** How long a client that does not read stays, in milliseconds. */
const DEAF_MS = 300

export async function converse(
  port: number,
  conversation: Conversation,
  { timeoutMs }: { timeoutMs: number },
): Promise<Heard> {
  const { handshake, frames, isWellFramed, isDeaf, ending } = conversation
  const socket = connect(port, '127.0.0.1')
  socket.setNoDelay()
  const heard: Heard = { outcome: 'silent', status: null, messages: [], closeCode: null }
  const { promise: over, resolve: end } = Promise.withResolvers<void>()
  const timer = setTimeout(end, isDeaf ? DEAF_MS : timeoutMs)
  let impatient: NodeJS.Timeout | undefined
  let received: Buffer = Buffer.alloc(0)

  socket.on('error', () => {})
  socket.on('close', () => {
    if (heard.outcome === 'silent') heard.outcome = 'closed'
    end()
  })
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    if (heard.status === null) {
      const headEnd = received.indexOf('\r\n\r\n')
      if (headEnd < 0) return
      heard.status = Number(received.subarray(9, 12).toString('latin1'))
      received = received.subarray(headEnd + 4)
      if (heard.status !== 101) return
      if (isDeaf) socket.pause()
      void send(socket, [...frames, toFrame(LAST_PING)]).then(() => {
        if (!isWellFramed && !isDeaf) impatient = setTimeout(end, BROKEN_MS)
      })
    }
    received = readFrames(received, (opcode, payload) => {
      if (opcode === 1) heard.messages.push(payload.toString())
      if (opcode === 8) {
        // The server waits for our answer to it, and gets the end of the connection.
        heard.outcome = 'closed'
        heard.closeCode = payload.length >= 2 ? payload.readUInt16BE(0) : 1005
        end()
      }
      if (opcode === 1 && payload.toString() === LAST_PONG) {
        heard.outcome = 'alive'
        end()
      }
    })
  })
  socket.write(handshake)
  await over
  clearTimeout(timer)
  clearTimeout(impatient)
  leave(socket, ending)
  return heard
}

async function send(socket: Socket, frames: readonly Buffer[]): Promise<void> {
  for (const frame of frames) {
    if (socket.destroyed) return
    if (!socket.write(frame)) await new Promise((resolve) => socket.once('drain', resolve).once('close', resolve))
  }
}

function leave(socket: Socket, ending: Conversation['ending']): void {
  if (ending === 'reset') socket.resetAndDestroy()
  else if (ending === 'end') socket.destroy()
  else socket.end(toFrame(Buffer.from([3, 232]), { opcode: 8 }), () => socket.destroy())
}

/** Calls back for each whole frame, and answers what is left. Frames of a server are never masked. */
function readFrames(bytes: Buffer, onFrame: (opcode: number, payload: Buffer) => void): Buffer {
  let rest = bytes
  for (;;) {
    if (rest.length < 2) return rest
    const short = (rest[1] ?? 0) & 0x7f
    const size = short === 126 ? 2 : short === 127 ? 8 : 0
    if (rest.length < 2 + size) return rest
    const length = size === 0 ? short : size === 2 ? rest.readUInt16BE(2) : Number(rest.readBigUInt64BE(2))
    if (rest.length < 2 + size + length) return rest
    onFrame((rest[0] ?? 0) & 0x0f, rest.subarray(2 + size, 2 + size + length))
    rest = rest.subarray(2 + size + length)
  }
}
