import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { WatchFeedDocument, WatchJobDocument } from '../../operations/generated/graphql.ts'
import { startTestApp } from '../helpers/app.ts'
import { type FaultProxy, startFaultProxy } from '../helpers/fault-proxy.ts'
import { subscribe, subscribeOverSse } from '../helpers/graphql-client.ts'
import { until } from '../helpers/until.ts'
import { openRig, type Rig } from './rig.ts'

/** The figures by name and labels, as they stand in the text: `reelay_jobs{status="PENDING"}`. */
async function scrape(url: string): Promise<{ figures: Map<string, number>; tookMs: number }> {
  const started = performance.now()
  const response = await fetch(`${url}/metrics`)
  const text = await response.text()
  expect([response.status, response.headers.get('content-type')]).toEqual([
    200,
    'text/plain; version=0.0.4; charset=utf-8',
  ])
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const figures = new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
  // A name that comes twice would make Prometheus refuse all of it.
  expect(figures.size).toBe(lines.length)
  return { figures, tookMs: performance.now() - started }
}

const sumOf = (figures: Map<string, number>, prefix: string): number =>
  [...figures].filter(([name]) => name.startsWith(prefix)).reduce((sum, [, figure]) => sum + figure, 0)

describe('a job that was made', () => {
  let rig: Rig
  let figures: Map<string, number>
  let updates: number

  beforeAll(async () => {
    rig = await openRig({ fal: { stepMs: 20 } })
    const job = await rig.generate()
    updates = (await rig.watch(job.id, job.cursor)).length + 1
    // The stream of the status is counted when it has been left, just after the end.
    figures = await until(async () => {
      const { figures } = await scrape(rig.url)
      return figures.has('reelay_fal_calls_total{call="watch",outcome="ok"}') ? figures : null
    })
  })

  afterAll(async () => {
    await rig.close()
  })

  test('is counted as ended, with its updates', () => {
    expect(figures.get('reelay_jobs_ended_total{status="SUCCEEDED"}')).toBe(1)
    expect(sumOf(figures, 'reelay_jobs_ended_total')).toBe(1)
    expect(figures.get('reelay_job_updates_total')).toBe(updates)
  })

  test('was in each of its states once, for as long as it took', async () => {
    const job = await rig.generate()
    await rig.watch(job.id)
    const { figures } = await scrape(rig.url)
    const { createdAt, finishedAt } = await rig.readJob(job.id)
    for (const status of ['PENDING', 'QUEUED', 'RUNNING'])
      expect([status, figures.get(`reelay_job_state_seconds_count{status="${status}"}`)]).toEqual([status, 2])
    expect(figures.has('reelay_job_state_seconds_count{status="SUCCEEDED"}')).toBe(false)
    const lastedSeconds = (Date.parse(finishedAt ?? '') - Date.parse(createdAt)) / 1000
    expect(sumOf(figures, 'reelay_job_state_seconds_sum')).toBeGreaterThanOrEqual(lastedSeconds - 0.05)
  })

  test('counts and times its calls to fal by their kind', () => {
    const calls = (call: string, outcome: string) =>
      figures.get(`reelay_fal_calls_total{call="${call}",outcome="${outcome}"}`)
    expect([calls('submit', 'ok'), calls('watch', 'ok'), calls('result', 'ok')]).toEqual([1, 1, 1])
    expect(calls('status', 'ok')).toBeGreaterThanOrEqual(1)
    for (const call of ['submit', 'status', 'watch', 'result'])
      expect(figures.get(`reelay_fal_call_seconds_count{call="${call}"}`)).toBe(
        sumOf(figures, `reelay_fal_calls_total{call="${call}"`),
      )
  })

  test('has zeros for series without values, and the metrics of the process', () => {
    for (const status of ['PENDING', 'QUEUED', 'RUNNING', 'STORING', 'CANCELING'])
      expect([status, figures.get(`reelay_jobs{status="${status}"}`)]).toEqual([status, 0])
    for (const name of ['reelay_submitting_paused', 'reelay_claim_takeovers_total', 'reelay_subscriptions'])
      expect([name, figures.get(name)]).toEqual([name, 0])
    expect(figures.get('process_resident_memory_bytes')).toBeGreaterThan(1e6)
    expect(figures.has('nodejs_eventloop_lag_p99_seconds')).toBe(true)
  })

  test('of another app in the same process is counted there', async () => {
    const other = await startTestApp({ databaseUrl: rig.databaseUrl, falUrl: rig.falUrl })
    expect((await scrape(other.url)).figures.get('reelay_job_updates_total')).toBe(0)
    await other.stop()
  })
})

describe('while fal is unavailable', () => {
  let rig: Rig

  beforeAll(async () => {
    rig = await openRig({ fal: 'unavailable' })
  })

  afterAll(async () => {
    await rig.close()
  })

  test('waiting jobs, failed calls and the pause show', async () => {
    await Promise.all([rig.generate(), rig.generate()])
    await until(
      async () => {
        const { figures } = await scrape(rig.url)
        return (
          figures.get('reelay_jobs{status="PENDING"}') === 2 &&
          figures.get('reelay_submitting_paused') === 1 &&
          (figures.get('reelay_fal_calls_total{call="submit",outcome="not-sent"}') ?? 0) > 0
        )
      },
      { timeoutMs: 15_000, everyMs: 100 },
    )
  })

  test('subscriptions over both transports are counted, and no longer when they are left', async () => {
    const { id } = await rig.generate()
    const open = async () => (await scrape(rig.url)).figures.get('reelay_subscriptions')
    const streams = [
      subscribe(rig.url, WatchJobDocument, { id }),
      subscribeOverSse(rig.url, WatchJobDocument, { id }),
      subscribe(rig.url, WatchFeedDocument),
    ]
    const reading = streams.map((stream) => stream.next())
    await until(async () => (await open()) === 3, { what: 'three subscriptions' })
    for (const stream of streams) await stream.return(undefined)
    await Promise.allSettled(reading)
    await until(async () => (await open()) === 0, { what: 'no subscription' })
  })
})

describe('while Postgres is unavailable', () => {
  let rig: Rig
  let proxy: FaultProxy
  let app: { url: string; stop(): Promise<void> }

  beforeAll(async () => {
    rig = await openRig({ fal: 'unavailable' })
    proxy = await startFaultProxy({ port: Number(new URL(rig.databaseUrl).port) })
    app = await startTestApp({ databaseUrl: proxy.through(rig.databaseUrl), falUrl: rig.falUrl })
  })

  afterEach(() => {
    proxy.mode = 'pass'
  })

  afterAll(async () => {
    await app.stop()
    await proxy.stop()
    await rig.close()
  })

  /** The counted jobs, once the count has been refreshed: it is cached for some seconds. */
  const countedJobs = () =>
    until(async () => (await scrape(app.url)).figures.get('reelay_jobs{status="PENDING"}'), {
      timeoutMs: 15_000,
      everyMs: 50,
      what: 'a count that is not zero',
    })

  test.each(['cut', 'blackhole'] as const)(
    '(%s) all metrics but the number of jobs are returned in time',
    async (mode) => {
      await rig.generate()
      await countedJobs()
      proxy.mode = mode
      const has = (figures: Map<string, number>) => figures.has('reelay_jobs{status="PENDING"}')
      await until(async () => !has((await scrape(app.url)).figures), { timeoutMs: 15_000, everyMs: 50 })
      const scrapes = await Promise.all([scrape(app.url), scrape(app.url), scrape(app.url)])
      for (const { figures, tookMs } of scrapes) {
        expect([has(figures), figures.has('reelay_job_updates_total')]).toEqual([false, true])
        expect(tookMs).toBeLessThan(2_000)
      }
      proxy.mode = 'pass'
      await countedJobs()
    },
  )
})
