import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below the ports that systems give to whoever asks for any, so that nobody gets it in between. */
const FIRST = 20_000
const LAST = 30_000

/** Until whoever got a port listens there, it looks free. */
const given = new Set<number>()

/** A port of the loopback that is free, for a server that is told its port or comes back at it. */
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
