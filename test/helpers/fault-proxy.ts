import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/**
 * - `pass`: everything goes through.
 * - `cut`: open connections end, and new ones end as soon as they are made.
 * - `reset`: the same with RST.
 * - `blackhole`: connections stay open and new ones are accepted, but no data passes in either direction.
 * - `refuse`: the port is closed, and open connections end.
 * - `mute`: requests reach the target, its responses are lost.
 */
export type FaultMode = 'pass' | 'cut' | 'reset' | 'blackhole' | 'refuse' | 'mute'

/** A TCP proxy on the loopback interface that injects faults. */
export interface FaultProxy {
  port: number
  /** The target of new connections. */
  target: { host: string; port: number }
  /** The same URL, through the proxy. */
  through(url: string): string
  /** Takes effect immediately, on open connections too. */
  mode: FaultMode
  /** Delay added in each direction, in milliseconds. */
  delayMs: number
  /** Ends each connection after this many bytes from the target. */
  cutAfterBytes: number
  /** Number of connections: open now, and in total. */
  readonly open: number
  readonly made: number
  stop(): Promise<void>
}

interface Pair {
  client: Socket
  target: Socket
}

export async function startFaultProxy({
  host = '127.0.0.1',
  port: targetPort,
}: {
  host?: string
  port: number
}): Promise<FaultProxy> {
  const pairs = new Set<Pair>()
  let mode: FaultMode = 'pass'
  let made = 0

  const server = createServer((client) => {
    made++
    const pair: Pair = { client, target: connect(proxy.target) }
    pairs.add(pair)
    for (const [from, to, isAnswer] of [
      [pair.client, pair.target, false],
      [pair.target, pair.client, true],
    ] as const) {
      let passedBytes = 0
      from.on('data', (chunk: Buffer) => {
        if (isSwallowed(isAnswer)) return
        passedBytes += chunk.byteLength
        const isTooMuch = isAnswer && passedBytes > proxy.cutAfterBytes
        const part = isTooMuch ? chunk.subarray(0, proxy.cutAfterBytes - passedBytes) : chunk
        later(() => {
          if (isSwallowed(isAnswer)) return
          to.write(part)
          if (isTooMuch) end(pair)
        })
      })
      // In a black hole neither side learns that the other has disconnected.
      from.on('end', () => later(() => isSwallowed(isAnswer) || to.end()))
      from.on('error', () => isSwallowed(isAnswer) || to.destroy())
      from.on('close', () => {
        if (pair.client.destroyed && pair.target.destroyed) pairs.delete(pair)
        else if (!isSwallowed(isAnswer)) later(() => to.destroy())
      })
    }
    if (mode === 'cut' || mode === 'reset') end(pair)
  })

  function isSwallowed(isAnswer: boolean): boolean {
    return mode === 'blackhole' || (mode === 'mute' && isAnswer)
  }

  function later(act: () => void): void {
    if (proxy.delayMs > 0) setTimeout(act, proxy.delayMs)
    else act()
  }

  function end({ client, target }: Pair): void {
    if (mode === 'reset') client.resetAndDestroy()
    else client.destroy()
    target.destroy()
  }

  const listening = once(server, 'listening')
  server.listen(0, '127.0.0.1')
  await listening
  const { port } = server.address() as AddressInfo

  const proxy: FaultProxy = {
    port,
    target: { host, port: targetPort },
    through: (url) => {
      const own = new URL(url)
      own.hostname = '127.0.0.1'
      own.port = String(port)
      return own.href.replace(/\/$/, '')
    },
    get mode() {
      return mode
    },
    set mode(next) {
      const wasSwallowing = mode === 'blackhole' || mode === 'mute'
      const wasRefusing = mode === 'refuse'
      mode = next
      if (next === 'refuse' && !wasRefusing) server.close()
      if (next !== 'refuse' && wasRefusing) server.listen(port, '127.0.0.1')
      // Swallowed bytes are missing from these connections, so they cannot continue.
      if (next === 'cut' || next === 'reset' || next === 'refuse' || (wasSwallowing && next === 'pass'))
        for (const pair of pairs) end(pair)
    },
    delayMs: 0,
    cutAfterBytes: Number.POSITIVE_INFINITY,
    get open() {
      return pairs.size
    },
    get made() {
      return made
    },
    stop: async () => {
      for (const pair of pairs) end(pair)
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      await closed
    },
  }
  return proxy
}
