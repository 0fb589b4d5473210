import { createReelayClient, type JobEvent, type ReelayClient } from '../../client/core/reelay-client.ts'
import { ListJobUpdatesDocument } from '../../operations/generated/graphql.ts'
import { request } from '../helpers/graphql-client.ts'

/** A client that detects a dead connection within half a second, unless `keepAliveMs` is longer. */
export function openClient(url: string, { keepAliveMs = 300, webSocketImpl }: ClientOptions = {}): ReelayClient {
  return createReelayClient({ url: `${url}/graphql`, keepAliveMs, webSocketImpl })
}

export interface ClientOptions {
  /** A busy server may be silent for some hundred milliseconds as well. */
  keepAliveMs?: number
  webSocketImpl?: unknown
}

export interface Watched {
  sequences: number[]
  gaps: number[]
  statuses: string[]
}

/** Reads a watch to its end. Calls `onCount` with the number of updates so far. */
export async function readWatch(
  events: AsyncIterable<JobEvent>,
  onCount: (count: number) => unknown = () => {},
): Promise<Watched> {
  const watched: Watched = { sequences: [], gaps: [], statuses: [] }
  for await (const event of events) {
    if (event.kind === 'gap') watched.gaps.push(event.missed)
    else {
      watched.sequences.push(event.update.sequence)
      watched.statuses.push(event.update.status)
      await onCount(watched.sequences.length)
    }
  }
  return watched
}

/** The sequences of all stored updates of a job. */
export async function readStoredSequences(url: string, id: string): Promise<number[]> {
  const { data } = await request(url, ListJobUpdatesDocument, { id, first: 100 })
  return data.job?.updates.edges.map(({ node }) => node.sequence) ?? []
}

/** The types of the messages that a WebSocket sent and received. */
export interface SocketTally {
  sent: string[]
  received: string[]
}

/** The platform's WebSocket, counted. */
export function createCountingWebSocket(): { WebSocketImpl: typeof WebSocket; tally: SocketTally } {
  const tally: SocketTally = { sent: [], received: [] }
  const typeOf = (data: unknown) => (JSON.parse(String(data)) as { type: string }).type
  class CountingWebSocket extends WebSocket {
    constructor(url: string, protocols: string) {
      super(url, protocols)
      this.addEventListener('message', ({ data }) => tally.received.push(typeOf(data)))
    }
    override send(data: string): void {
      tally.sent.push(typeOf(data))
      super.send(data)
    }
  }
  return { WebSocketImpl: CountingWebSocket as typeof WebSocket, tally }
}
