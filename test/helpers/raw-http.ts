import { connect } from 'node:net'

/** Sends bytes as they are, and answers with all that came until the other side closed; it is closed after a while of silence. */
export async function sendRaw(url: string, text: string | Uint8Array, { silenceMs = 2000 } = {}): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  let received = ''
  return await new Promise((resolve, reject) => {
    socket.setTimeout(silenceMs, () => socket.destroy())
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
    })
    // A server that refuses resets what it has not read.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error)
    })
    socket.on('close', () => resolve(received))
    socket.write(text)
  })
}

/** The statuses of all answers in it. */
export function toStatuses(received: string): number[] {
  return [...received.matchAll(/^HTTP\/1\.[01] (\d{3})/gm)].map(([, status]) => Number(status))
}
