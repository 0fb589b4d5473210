// Stands in until web/src/reelay-client is there.
import { WatchFeedDocument, WatchJobDocument } from '../../operations/generated/graphql.ts'

type Doc<D, V> = { toString(): string; __apiType?: (variables: V) => D }
export class ReelayRequestError extends Error {}
export class WatchError extends Error {}

export function createReelayClient({ url }: { url: string }) {
  let state: 'online' | 'connecting' | 'offline' = 'connecting'
  const listeners = new Set<(s: typeof state) => void>()
  const tell = (s: typeof state) => {
    if (s !== state) {
      state = s
      for (const l of listeners) l(s)
    }
  }
  async function request<D, V>(document: Doc<D, V>, variables: V, { signal }: { signal?: AbortSignal } = {}): Promise<D> {
    const r = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ query: String(document), variables }),
      ...(signal && { signal }),
    }).catch(() => {
      throw new ReelayRequestError('no connection')
    })
    const { data, errors } = (await r.json()) as { data: D; errors?: { message: string }[] }
    if (errors) throw new ReelayRequestError(errors[0]?.message)
    return data
  }
  async function* stream(query: unknown, variables: unknown, signal?: AbortSignal): AsyncGenerator<any> {
    const r = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ query: String(query), variables }),
      ...(signal && { signal }),
    })
    tell('online')
    let text = ''
    for await (const chunk of r.body!.pipeThrough(new TextDecoderStream()) as any) {
      text += chunk
      const parts = text.split('\n\n')
      text = parts.pop() ?? ''
      for (const p of parts) {
        const line = p.split('\n').find((l) => l.startsWith('data: {'))
        if (line) yield JSON.parse(line.slice(6)).data
        if (p.includes('event: complete')) return
      }
    }
    throw new Error('cut')
  }
  const pause = (ms: number) => new Promise((r) => setTimeout(r, ms))
  return {
    request,
    async *watchJob(id: string, { after, signal }: { after?: string; signal?: AbortSignal } = {}) {
      for (;;) {
        try {
          for await (const d of stream(WatchJobDocument, { id, ...(after && { after }) }, signal)) {
            after = d.jobProgress.cursor
            yield { kind: 'update' as const, update: d.jobProgress }
          }
          return
        } catch {
          if (signal?.aborted) return
          tell('offline')
          await pause(1000)
        }
      }
    },
    async *watchFeed({ signal }: { signal?: AbortSignal } = {}) {
      for (;;) {
        try {
          for await (const d of stream(WatchFeedDocument, {}, signal)) yield { kind: 'update' as const, update: d.jobFeed }
        } catch {
          if (signal?.aborted) return
          tell('offline')
          await pause(1000)
          yield { kind: 'gap' as const }
        }
      }
    },
    onConnection(l: (s: typeof state) => void) {
      listeners.add(l)
      return () => listeners.delete(l)
    },
    close() {},
  }
}
