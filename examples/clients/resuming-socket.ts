import { type Client, createClient } from 'graphql-ws'

/** A client of graphql-ws that comes back after a break, and then goes on after the newest update of each job. */
export function createResumingSocket(url: string): Client {
  let pongDeadline: ReturnType<typeof setTimeout> | undefined
  const socket = createClient({
    url,
    retryAttempts: Number.POSITIVE_INFINITY,
    // A connection that was refused is worth another attempt too. Close codes that are final stay final.
    shouldRetry: () => true,
    retryWait: async (retries) => {
      const spreadMs = Math.min(30_000, 1000 * 2 ** retries)
      await new Promise((resolve) => setTimeout(resolve, Math.random() * spreadMs))
    },
    // A line can die without a word: ask for a sign of life, and give up when none comes.
    keepAlive: 10_000,
    on: {
      ping: (received) => {
        if (!received) pongDeadline = setTimeout(() => socket.terminate(), 5_000)
      },
      pong: (received) => {
        if (received) clearTimeout(pongDeadline)
      },
      closed: () => clearTimeout(pongDeadline),
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
          // graphql-ws writes the payload anew when it comes back: whatever is in it by then.
          if (progress?.cursor) variables.after = progress.cursor
          sink.next(result as Parameters<typeof sink.next>[0])
        },
      },
    )
  }
  return { ...socket, subscribe }
}
