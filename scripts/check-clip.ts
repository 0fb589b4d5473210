import { readFile } from 'node:fs/promises'
import { ALL_FORMATS, BufferSource, Input } from 'mediabunny'

/** Fails unless the file is a complete MP4 with an H.264 track of 25 frames: `node scripts/check-clip.ts FILE`. */
const [file = ''] = process.argv.slice(2)
const input = new Input({ formats: ALL_FORMATS, source: new BufferSource(await readFile(file)) })
const track = await input.getPrimaryVideoTrack()
const codec = await track?.getCodec()
const { packetCount = 0, averagePacketRate = 0 } = (await track?.computePacketStats()) ?? {}
if (codec !== 'avc' || packetCount !== 25)
  throw new Error(`expected an H.264 clip of 25 frames in ${file}, but found ${codec}, ${packetCount} frames`)
process.stdout.write(`${file}: H.264, ${packetCount} frames at ${Math.round(averagePacketRate)} per second\n`)
