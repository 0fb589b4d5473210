import { describe, expect, test } from 'vitest'
import { DEFAULT_MODEL } from '../../src/jobs/models.ts'
import { toVideoFile } from '../../src/jobs/video-name.ts'

const URL_OF_NO_NAME = 'https://v3.fal.media/'

/** As it is stored, of what fal says. */
function read(video: { url?: string; content_type?: unknown; file_name?: unknown }) {
  const { contentType, fileName } = DEFAULT_MODEL.result.parse({ video: { url: URL_OF_NO_NAME, ...video } })
  return { contentType, fileName }
}

describe('the name to save a video by', () => {
  test('of fal’s own example gets a video extension and a video type', () => {
    const video = { url: 'https://fal.media/x', content_type: 'image/png', file_name: 'z9RV14K95DvU.png' }
    expect(read(video)).toEqual({ contentType: 'video/mp4', fileName: 'z9RV14K95DvU.mp4' })
  })

  test.each<[unknown, string]>([
    ['clip.mp4', 'clip.mp4'],
    ['CLIP.MP4', 'CLIP.mp4'],
    ['clip', 'clip.mp4'],
    ['clip.v2', 'clip.v2.mp4'],
    ['clip.webm', 'clip.webm'],
    ['../../../etc/cron.d/x', 'x.mp4'],
    ['C:\\out\\CON', '_CON.mp4'],
    ['nul.tar.mp4', '_nul.tar.mp4'],
    ['COM1 .png', '_COM1.mp4'],
    ['aux', '_aux.mp4'],
    ['console.mp4', 'console.mp4'],
    ['D:', 'D_.mp4'],
    ['clip.mp4:stream', 'clip.mp4_stream.mp4'],
    ['.bashrc', 'bashrc.mp4'],
    ['...', 'video.mp4'],
    ['-rf.mp4', 'rf.mp4'],
    ['a\u202egnp.mp4', 'agnp.mp4'],
    ['a\r\nb\tc\u2028d.mp4', 'a b c d.mp4'],
    ['a\0b\ud800.mp4', 'ab\ufffd.mp4'],
    ['<a>|"b"?*.mp4', '_a___b___.mp4'],
    ['clip. . .', 'clip.mp4'],
    ['setup.exe', 'setup.exe.mp4'],
    ['', 'video.mp4'],
    ['   ', 'video.mp4'],
    ['dir/', 'video.mp4'],
    [7, 'video.mp4'],
    [null, 'video.mp4'],
    ['Ein schönes Vidéo 🎬.mp4', 'Ein schönes Vidéo 🎬.mp4'],
  ])('%j is %j', (file_name, fileName) => {
    expect(read({ file_name }).fileName).toBe(fileName)
  })

  test.each([
    ['https://fal.media/files/clip.mp4?signature=ab/cd#t=1', 'clip.mp4'],
    ['https://fal.media/my%20video.mp4', 'my video.mp4'],
    ['https://fal.media/a%2F..%2Fb%5Cc.mp4', 'c.mp4'],
    ['https://fal.media/100%.mp4', '100%.mp4'],
    ['https://fal.media/files/', 'video.mp4'],
    ['https://fal.media', 'video.mp4'],
  ])('without one of its own is that of its address: %s is %j', (url, fileName) => {
    for (const file_name of [undefined, '', '..']) expect(read({ url, file_name }).fileName).toBe(fileName)
  })

  test('has at most 200 bytes, cut between characters, with its extension', () => {
    for (const character of ['a', 'é', '漢', '🎬', '. ']) {
      const { fileName } = read({ file_name: `x${character.repeat(100_000)}.mp4` })
      expect(Buffer.byteLength(fileName)).toBeLessThanOrEqual(200)
      expect(fileName).toMatch(/^x.*[^.\s]?\.mp4$/u)
      expect(fileName.isWellFormed()).toBe(true)
    }
  })
})

describe('the type', () => {
  test.each([
    ['video/webm', 'clip.mp4', 'video/webm', 'clip.webm'],
    ['VIDEO/QuickTime; codecs=avc1', 'clip.qt', 'video/quicktime', 'clip.qt'],
    ['application/octet-stream', 'clip.mov', 'video/quicktime', 'clip.mov'],
    ['video/x-of-tomorrow', 'clip.mkv', 'video/x-of-tomorrow', 'clip.mkv'],
    ['video/x-of-tomorrow', 'clip', 'video/x-of-tomorrow', 'clip.mp4'],
    ['video/', 'clip', 'video/mp4', 'clip.mp4'],
    ['video/mp4\r\nSet-Cookie: a', 'clip', 'video/mp4', 'clip.mp4'],
    ['image/gif', 'clip.gif', 'video/mp4', 'clip.mp4'],
    [null, 'clip', 'video/mp4', 'clip.mp4'],
  ])('%j of %j is %s, and the name %s', (content_type, file_name, contentType, fileName) => {
    expect(read({ content_type, file_name })).toEqual({ contentType, fileName })
  })

  test('comes from the URL before the name', () => {
    const video = { url: 'https://fal.media/clip.webm', content_type: 'text/plain', file_name: 'clip.mov' }
    expect(read(video)).toEqual({ contentType: 'video/webm', fileName: 'clip.webm' })
  })

  test('of a GIF counts only when the URL ends in .gif too', () => {
    const video = { url: 'https://fal.media/a.gif', content_type: 'image/gif' }
    expect(read(video)).toEqual({ contentType: 'image/gif', fileName: 'a.gif' })
  })
})

test('a sanitized name and type stay unchanged', () => {
  const names = ['CON', '...', 'a.png', 'clip.mp4.exe', `${'é'.repeat(300)}.mov`, '', 'x..mp4', '_ .mp4', 'a.mp4.png']
  for (const fileName of names)
    for (const contentType of ['video/webm', 'image/gif', null]) {
      const once = toVideoFile({ url: 'https://fal.media/b.mp4', contentType, fileName })
      expect(toVideoFile({ url: 'https://fal.media/b.mp4', ...once })).toEqual(once)
    }
})
