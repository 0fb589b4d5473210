/**
 * A well-behaved client in a thread of its own: what it waits for is the server, not the busy test beside it. It asks a
 * cheap query over and over, and watches a job until that ends.
 */
import { once } from 'node:events'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { parentPort, Worker, workerData } from 'node:worker_threads'
import { createClient } from 'graphql-ws'
import { WebSocket } from 'ws'

export interface BystanderReport {
  queries: number
  /** Answers that were 503 with Retry-After. */
  refused: number
  /** The longest that an answer took, in milliseconds. */
  slowestMs: number
  /** The longest that this thread itself was kept from running, in milliseconds. */
  ownDelayMs: number
  /** Everything else that it was answered. */
  failures: string[]
  sequences: number[]
  /** The state that the watched job ended in. */
  lastStatus: string
}

export interface Bystander {
  /** Waits for the end of the watched job, then ends the thread. */
  finish(): Promise<BystanderReport>
}

interface Assignment {
  url: string
  jobId: string
}

/** A pause between queries, in milliseconds. */
const PAUSE_MS = 50
const QUERY = JSON.stringify({ query: '{ jobs(first: 1) { edges { node { id status } } } }' })

/** Answers once the job is being watched. */
export async function startBystander(assignment: Assignment): Promise<Bystander> {
  const worker = new Worker(new URL(import.meta.url), { workerData: assignment })
  const { promise, resolve, reject } = Promise.withResolvers<BystanderReport>()
  worker.once('error', reject)
  await Promise.race([once(worker, 'message'), promise])
  worker.once('message', resolve)
  return {
    finish: async () => {
      worker.postMessage('finish')
      return await promise.finally(() => worker.terminate())
    },
  }
}

async function work({ url, jobId }: Assignment): Promise<BystanderReport> {
  const report: BystanderReport = {
    queries: 0,
    refused: 0,
    slowestMs: 0,
    ownDelayMs: 0,
    failures: [],
    sequences: [],
    lastStatus: '',
  }
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  let isOver = false
  parentPort?.once('message', () => {
    isOver = true
  })
  const watching = watch({ url, jobId }, report)
  while (!isOver) {
    await askOnce(url, report)
    await pause(PAUSE_MS)
  }
  await watching
  report.ownDelayMs = delay.max / 1e6
  return report
}

async function askOnce(url: string, report: BystanderReport): Promise<void> {
  report.queries++
  const since = performance.now()
  try {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: QUERY,
      signal: AbortSignal.timeout(20_000),
    })
    const text = await response.text()
    if (response.status === 503 && response.headers.has('retry-after')) report.refused++
    else if (response.status !== 200 || !text.includes('"edges"'))
      report.failures.push(`${response.status} ${text.slice(0, 200)}`)
  } catch (error) {
    report.failures.push(String(error))
  }
  report.slowestMs = Math.max(report.slowestMs, performance.now() - since)
}

async function watch({ url, jobId }: Assignment, report: BystanderReport): Promise<void> {
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
  })
  const query = 'subscription($id: ID!) { jobProgress(id: $id) { sequence status } }'
  try {
    for await (const { data, errors } of client.iterate<{ jobProgress: { sequence: number; status: string } }>({
      query,
      variables: { id: jobId },
    })) {
      if (errors) report.failures.push(JSON.stringify(errors).slice(0, 200))
      if (!data) continue
      if (report.sequences.length === 0) parentPort?.postMessage('watching')
      report.sequences.push(data.jobProgress.sequence)
      report.lastStatus = data.jobProgress.status
    }
  } catch (error) {
    report.failures.push(`the subscription broke: ${JSON.stringify(error).slice(0, 200)}`)
  } finally {
    await client.dispose()
  }
}

if (parentPort && workerData) parentPort.postMessage(await work(workerData as Assignment))
