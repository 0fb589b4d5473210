import { connect } from 'node:net'

/** Sends raw bytes and returns everything received until the server closes; closes after a period of silence. */
export async function sendRaw(url: string, text: string | Uint8Array, { silenceMs = 2000 } = {}): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  let received = ''
  return await new Promise((resolve, reject) => {
    socket.setTimeout(silenceMs, () => socket.destroy())
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
    })
    // A server that rejects a request resets the connection if it has not read everything.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error)
    })
    socket.on('close', () => resolve(received))
    socket.write(text)
  })
}

/** The status codes of all responses in a text. */
export function toStatuses(received: string): number[] {
  return [...received.matchAll(/^HTTP\/1\.[01] (\d{3})/gm)].map(([, status]) => Number(status))
}
