// Draws examples/rocket.png from rocket.svg: node examples/draw-rocket.ts
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'

const source = fileURLToPath(new URL('./rocket.svg', import.meta.url))
const target = fileURLToPath(new URL('./rocket.png', import.meta.url))

await sharp(source).resize(1024, 576).removeAlpha().png({ compressionLevel: 9, effort: 10 }).toFile(target)
