import { type Client, createClient } from 'graphql-ws'

/** A graphql-ws client that reconnects and resumes each job after its newest update. */
export function createResumingSocket(url: string): Client {
  let pongTimer: ReturnType<typeof setTimeout> | undefined
  const socket = createClient({
    url,
    retryAttempts: Number.POSITIVE_INFINITY,
    // Retry refused connections too. Final close codes stay final.
    shouldRetry: () => true,
    retryWait: async (retries) => {
      const windowMs = Math.min(30_000, 1000 * 2 ** retries)
      await new Promise((resolve) => setTimeout(resolve, Math.random() * windowMs))
    },
    // A dead connection may never report a close: send pings, and close the socket without a pong.
    keepAlive: 10_000,
    on: {
      ping: (received) => {
        if (!received) pongTimer = setTimeout(() => socket.terminate(), 5_000)
      },
      pong: (received) => {
        if (received) clearTimeout(pongTimer)
      },
      closed: () => clearTimeout(pongTimer),
    },
  })

  const subscribe: Client['subscribe'] = (payload, sink) => {
    const variables: Record<string, unknown> = { ...payload.variables }
    return socket.subscribe<Record<string, unknown>>(
      { ...payload, variables },
      {
        ...(sink as Parameters<typeof socket.subscribe>[1]),
        next: (result) => {
          const progress = result.data?.jobProgress as { cursor?: string } | undefined
          // graphql-ws serializes the payload again on each reconnect, with the newest cursor in it.
          if (progress?.cursor) variables.after = progress.cursor
          sink.next(result as Parameters<typeof sink.next>[0])
        },
      },
    )
  }
  return { ...socket, subscribe }
}
