/** Size of a clip, and of the larger picture that the camera moves over. */
export interface Size {
  width: number
  height: number
}

/** The part of the picture that one frame shows, in whole pixels of the picture. */
export interface Crop extends Size {
  left: number
  top: number
}

/** How many ways the camera can go; a seed picks one, so seeds that are equal modulo this make the same clip. */
export const VARIANTS = 64

/** A seed's variant: 0 … VARIANTS − 1. */
export function variantOf(seed: number): number {
  return ((seed % VARIANTS) + VARIANTS) % VARIANTS
}

/**
 * Where the camera looks in a frame. It moves evenly from one end of its way to the other, through the picture's middle.
 * @param motion - motion_bucket_id, 1 … 255: how much it moves.
 * @param variant - direction of the move (16 of them), and zoom in, out, or fainter ones of both.
 */
export function cropOf(
  picture: Size,
  { motion, variant, frame, frames }: { motion: number; variant: number; frame: number; frames: number },
): Crop {
  const strength = 0.04 + 0.26 * (motion / 255)
  const along = frames > 1 ? frame / (frames - 1) - 0.5 : 0 // −0.5 … 0.5
  const angle = ((variant % 16) / 16) * 2 * Math.PI
  const zoomChange = [0.5, -0.5, 0.25, -0.25][Math.floor(variant / 16)] ?? 0.5
  // The window is never larger than the picture less the way it has to go, so no crop leaves the picture.
  const scale = 1 - strength * (0.75 + zoomChange * along)
  const width = Math.round(picture.width * scale)
  const height = Math.round(picture.height * scale)
  const room = { x: picture.width - width, y: picture.height - height }
  return {
    left: clamp(Math.round(room.x * (0.5 + Math.cos(angle) * along)), 0, room.x),
    top: clamp(Math.round(room.y * (0.5 + Math.sin(angle) * along)), 0, room.y),
    width,
    height,
  }
}

/** A clip's size: the picture's shape, even sides, inside `box`, and not narrower than a third of its other side. */
export function clipSize(picture: Size, box: Size): Size {
  const aspect = clamp(picture.width / picture.height, 1 / 3, 3)
  const width = Math.min(box.width, box.height * aspect)
  return { width: even(width), height: even(width / aspect) }
}

function even(value: number): number {
  return Math.max(16, 2 * Math.round(value / 2))
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value))
}
