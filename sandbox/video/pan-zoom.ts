/** Size of a clip, or of the larger image that it pans over, in pixels. */
export interface Size {
  width: number
  height: number
}

/** The part of the image that one frame shows, in whole pixels. */
interface Crop extends Size {
  left: number
  top: number
}

/** Stable Video Diffusion generates this many frames at any frame rate. */
export const FRAMES = 25

/** Number of pan and zoom paths. A seed picks one: seeds that are equal modulo this give the same clip. */
export const VARIANTS = 64

/** A seed's variant: 0 … VARIANTS − 1. */
export function variantOf(seed: number): number {
  return ((seed % VARIANTS) + VARIANTS) % VARIANTS
}

/**
 * The crop of one frame. It moves at a constant speed along a path through the centre of the image.
 * @param motion - motion_bucket_id, 1 … 255: the length of the path.
 * @param variant - one of 16 directions, combined with a zoom in or out, strong or weak.
 */
export function cropAt(
  image: Size,
  { motion, variant, frame }: { motion: number; variant: number; frame: number },
): Crop {
  const strength = 0.04 + 0.26 * (motion / 255)
  const along = frame / (FRAMES - 1) - 0.5 // −0.5 … 0.5
  const angle = ((variant % 16) / 16) * 2 * Math.PI
  const zoomChange = [0.5, -0.5, 0.25, -0.25][Math.floor(variant / 16)] ?? 0.5
  // The crop is never larger than the image minus the path, so it stays inside the image.
  const scale = 1 - strength * (0.75 + zoomChange * along)
  const width = Math.round(image.width * scale)
  const height = Math.round(image.height * scale)
  const slack = { x: image.width - width, y: image.height - height }
  return {
    left: clamp(Math.round(slack.x * (0.5 + Math.cos(angle) * along)), 0, slack.x),
    top: clamp(Math.round(slack.y * (0.5 + Math.sin(angle) * along)), 0, slack.y),
    width,
    height,
  }
}

/** A clip's size: the image's aspect ratio limited to 1:3 … 3:1, even sides, inside `box`. */
export function clipSize(image: Size, box: Size): Size {
  const aspect = clamp(image.width / image.height, 1 / 3, 3)
  const width = Math.min(box.width, box.height * aspect)
  return { width: even(width), height: even(width / aspect) }
}

function even(value: number): number {
  return Math.max(16, 2 * Math.round(value / 2))
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value))
}
