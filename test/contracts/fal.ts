/**
 * The behaviour that Reelay needs from every implementation of fal's protocol, tested through the adapter. Each run
 * generates videos: use a sandbox, not a paid account.
 */

import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createFal } from '../../src/adapters/fal/client.ts'
import { FalError } from '../../src/adapters/fal/errors.ts'
import type { Fal, FalInput, FalStatus } from '../../src/adapters/fal/types.ts'

export interface FalService {
  queueUrl: string
  restUrl: string
  mediaHosts?: string[]
  key?: string
  close(): Promise<void>
}

export interface FalContractOptions {
  /** Timeout for one video, from submit to result, in milliseconds. Default 30,000. */
  videoTimeoutMs?: number
  /** Extra input that makes the request slow enough to be cancelled. */
  slowInput?: FalInput
}

const MODEL = 'fal-ai/stable-video'
const UNKNOWN_ID = '00000000-0000-4000-8000-0000000000ff'
const ORDER: FalStatus['state'][] = ['IN_QUEUE', 'IN_PROGRESS', 'COMPLETED']
const POLL_MS = 50

/** Declares the suite. `open` is called once, and its result is closed at the end. */
export function describeFalContract(
  name: string,
  open: () => Promise<FalService>,
  { videoTimeoutMs = 30_000, slowInput = {} }: FalContractOptions = {},
): void {
  describe(`${name} speaks fal's protocol:`, { timeout: videoTimeoutMs + 5000 }, () => {
    let service: FalService
    let fal: Fal
    let image: Blob
    let imageUrl: string

    beforeAll(async () => {
      service = await open()
      fal = createFal({ ...service, mediaHosts: service.mediaHosts ?? [] })
      const drawing = sharp({ create: { width: 64, height: 64, channels: 3, background: 'teal' } }).png()
      image = new File([new Uint8Array(await drawing.toBuffer())], 'teal square.png', { type: 'image/png' })
      imageUrl = await fal.upload(image)
    })
    afterAll(() => service?.close())

    /** Polls until the end and yields every status. */
    async function follow(requestId: string): Promise<FalStatus[]> {
      const seen: FalStatus[] = []
      const isCompleted = async () => {
        const status = await fal.status(MODEL, requestId)
        seen.push(status)
        return status.state === 'COMPLETED'
      }
      await vi.waitUntil(isCompleted, { timeout: videoTimeoutMs, interval: POLL_MS })
      return seen
    }

    test('the status stream only moves forward, up to COMPLETED, and sends each log line once', async () => {
      const { requestId } = await fal.submit(MODEL, { image_url: imageUrl })
      const statuses: FalStatus[] = []
      for await (const status of fal.watch(MODEL, requestId)) statuses.push(status)
      const order = statuses.map(({ state }) => ORDER.indexOf(state))
      expect(order).toEqual(order.toSorted((a, b) => a - b))
      expect(statuses.at(-1)?.state).toBe('COMPLETED')
      const lines = statuses.flatMap(({ logs }) => logs.map(({ message }) => message))
      const known = (await fal.status(MODEL, requestId)).logs.map(({ message }) => message)
      // A stream may omit the last log lines.
      expect(lines).toEqual(known.slice(0, lines.length))
      expect(lines.length).toBeGreaterThan(0)
    })

    test('an uploaded file can be downloaded, byte for byte, with its type', async () => {
      expect(fal.isMediaUrl(imageUrl)).toBe(true)
      const response = await fetch(imageUrl)
      expect(response.status).toBe(200)
      expect(response.headers.get('content-type')).toMatch(/^image\/png/)
      expect(new Uint8Array(await response.arrayBuffer())).toEqual(new Uint8Array(await image.arrayBuffer()))
    })

    test('a request only moves forward, keeps its log lines, and ends with a downloadable video', async () => {
      const { requestId } = await fal.submit(MODEL, { image_url: imageUrl })
      const seen = await follow(requestId)
      const steps = seen.map(({ state }) => ORDER.indexOf(state))
      expect(steps).toEqual(steps.toSorted((a, b) => a - b))
      expect(seen.at(-1)).toMatchObject({ state: 'COMPLETED', error: null, errorType: null })
      for (const [index, { logs }] of seen.entries()) {
        const earlier = seen[index - 1]?.logs ?? []
        expect(logs.slice(0, earlier.length)).toEqual(earlier)
      }

      const { video } = (await fal.result(MODEL, requestId)) as { video: { url: string } }
      expect(fal.isMediaUrl(video.url)).toBe(true)
      const response = await fetch(video.url)
      expect(response.headers.get('content-type')).toMatch(/^video\//)
      expect((await response.arrayBuffer()).byteLength).toBeGreaterThan(0)

      expect(await fal.result(MODEL, requestId)).toMatchObject({ video: { url: video.url } })
      expect(await fal.cancel(MODEL, requestId)).toBe('ALREADY_COMPLETED')
    })

    test('each submit creates a new request', async () => {
      const submits = [1, 2, 3].map(() => fal.submit(MODEL, { image_url: imageUrl }))
      const ids = (await Promise.all(submits)).map(({ requestId }) => requestId)
      expect(new Set(ids).size).toBe(3)
      await Promise.all(ids.map((id) => fal.cancel(MODEL, id)))
    })

    test('a request can be cancelled immediately after its submit', async () => {
      const { requestId } = await fal.submit(MODEL, { image_url: imageUrl, ...slowInput })
      expect(await fal.cancel(MODEL, requestId)).toBe('REQUESTED')
    })

    test('an unknown request is not found', async () => {
      await expect(fal.status(MODEL, UNKNOWN_ID)).rejects.toMatchObject({ name: 'FalError', kind: 'not-found' })
      await expect(fal.result(MODEL, UNKNOWN_ID)).rejects.toMatchObject({ name: 'FalError', kind: 'not-found' })
      expect(await fal.cancel(MODEL, UNKNOWN_ID)).toBe('NOT_FOUND')
    })

    test('an input out of range is rejected, at submit or in the result, with the name of its field', async () => {
      const attempt = async () => {
        const { requestId } = await fal.submit(MODEL, { image_url: imageUrl, motion_bucket_id: 999 })
        await follow(requestId)
        return fal.result(MODEL, requestId)
      }
      const error = await attempt().catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(FalError)
      expect(error).toMatchObject({ kind: 'rejected', status: 422, issues: [{ path: ['motion_bucket_id'] }] })
    })
  })
}
