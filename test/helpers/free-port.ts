import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below the ephemeral range, so that no other process is given the port in between. */
const FIRST = 20_000
const LAST = 30_000

/** Ports returned so far: a port looks free until its owner listens. */
const given = new Set<number>()

/** A free loopback port, for a server that needs a fixed port or restarts on the same one. */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, LAST)
    if (given.has(port)) continue
    given.add(port)
    const server = createServer().listen(port, '127.0.0.1')
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    server.close()
    if (isFree) return port
  }
}
