import { readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { candidatePaths, checkTarget, saveVideo, toVideoName } from '../../cli/save.ts'
import { makeTemporaryDirectory, type TemporaryDirectory } from '../helpers/directories.ts'

test('a video is named after its image', () => {
  const names = {
    'examples/rocket.png': 'rocket.mp4',
    'rocket.v2.png': 'rocket.v2.mp4',
    'https://example.com/a/my%20rocket.png?size=2#top': 'my rocket.mp4',
    'https://example.com/%E0%A4%A': 'E0-A4-A.mp4',
    'https://example.com/..%2f..%2fetc%2fpasswd.png': 'passwd.mp4',
    'https://example.com/': 'video.mp4',
    '.png': 'png.mp4',
    [`${'x'.repeat(300)}.png`]: `${'x'.repeat(100)}.mp4`,
  }
  expect(Object.fromEntries(Object.keys(names).map((image) => [image, toVideoName(image)]))).toEqual(names)
})

test('a name in use gets a number', () => {
  expect(candidatePaths(join('a', 'rocket.mp4')).take(3).toArray()).toEqual(
    ['rocket.mp4', 'rocket-1.mp4', 'rocket-2.mp4'].map((name) => join('a', name)),
  )
})

describe('saving', () => {
  let directory: TemporaryDirectory
  beforeEach(async () => {
    directory = await makeTemporaryDirectory('reelay-test-save')
  })
  afterEach(() => directory.remove())

  async function save(
    listener: RequestListener,
    { sizeBytes = null, replace = false }: { sizeBytes?: number | null; replace?: boolean } = {},
  ) {
    const server = createServer(listener).listen(0, '127.0.0.1')
    const progress: number[] = []
    try {
      await new Promise((resolve) => server.once('listening', resolve))
      const saved = await saveVideo({
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/video.mp4`,
        sizeBytes,
        target: { path: join(directory.path, 'rocket.mp4'), replace },
        signal: new AbortController().signal,
        onProgress: (received) => progress.push(received),
        onRetry: () => {},
      })
      return { ...saved, progress, text: await readFile(saved.path, 'utf8') }
    } finally {
      server.closeAllConnections()
      server.close()
    }
  }

  test('replaces an existing file only when the caller named it', async () => {
    await writeFile(join(directory.path, 'rocket.mp4'), 'mine')
    const { path, text } = await save((_request, response) => response.end('video'))
    expect([path, text]).toEqual([join(directory.path, 'rocket-1.mp4'), 'video'])
    expect(await readFile(join(directory.path, 'rocket.mp4'), 'utf8')).toBe('mine')
    await save((_request, response) => response.end('video'), { replace: true })
    expect(await readFile(join(directory.path, 'rocket.mp4'), 'utf8')).toBe('video')
  })

  test('retries a download that was cut off, and leaves only the complete file', async () => {
    let requests = 0
    const { text, progress, sizeBytes } = await save(
      (_request, response) => {
        requests += 1
        response.writeHead(200, { 'content-length': 5 })
        if (requests > 1) response.end('video')
        else response.write('vi', () => response.destroy())
      },
      { sizeBytes: 5 },
    )
    expect([text, sizeBytes, progress.at(-1), requests]).toEqual(['video', 5, 5, 2])
    expect(await readdir(directory.path)).toEqual(['rocket.mp4'])
  })

  test('fails at once, with a reason, when the video does not exist', async () => {
    const missing = save((_request, response) => response.writeHead(404).end())
    await expect(missing).rejects.toThrow(/127\.0\.0\.1:\d+ answered 404/)
    expect(await readdir(directory.path)).toEqual([])
  })

  test('is checked before a video is paid for', async () => {
    const check = (path: string) => checkTarget({ path: join(directory.path, path), replace: true })
    await expect(check('no/where.mp4')).rejects.toThrow(/not a writable directory/)
    await expect(check('.')).rejects.toThrow(/it is a directory/)
    await check('new.mp4')
  })
})
