import { createReelayClient, type JobEvent, type ReelayClient } from '../../client/core/reelay-client.ts'
import { ListJobUpdatesDocument } from '../../operations/generated/graphql.ts'
import { request } from '../helpers/graphql-client.ts'

/** A client that soon finds out that a line is dead, unless it is to be patient. */
export function openClient(url: string, { keepAliveMs = 300, webSocketImpl }: ClientOptions = {}): ReelayClient {
  return createReelayClient({ url: `${url}/graphql`, keepAliveMs, webSocketImpl })
}

export interface ClientOptions {
  /** A busy server is silent for some hundred milliseconds too. */
  keepAliveMs?: number
  webSocketImpl?: unknown
}

export interface Watched {
  sequences: number[]
  gaps: number[]
  statuses: string[]
}

/** Reads a watch to its end. `onCount` is told how many updates there are by now. */
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

/** The numbers of all updates that the server has of a job. */
export async function readStoredSequences(url: string, id: string): Promise<number[]> {
  const { data } = await request(url, ListJobUpdatesDocument, { id, first: 100 })
  return data.job?.updates.edges.map(({ node }) => node.sequence) ?? []
}

/** What a WebSocket sent and got, by the protocol's types. */
export interface SocketTally {
  sent: string[]
  got: string[]
}

/** The platform's WebSocket, counted. */
export function createCountingWebSocket(): { WebSocketImpl: typeof WebSocket; tally: SocketTally } {
  const tally: SocketTally = { sent: [], got: [] }
  const typeOf = (data: unknown) => (JSON.parse(String(data)) as { type: string }).type
  class CountingWebSocket extends WebSocket {
    constructor(url: string, protocols: string) {
      super(url, protocols)
      this.addEventListener('message', ({ data }) => tally.got.push(typeOf(data)))
    }
    override send(data: string): void {
      tally.sent.push(typeOf(data))
      super.send(data)
    }
  }
  return { WebSocketImpl: CountingWebSocket as typeof WebSocket, tally }
}
