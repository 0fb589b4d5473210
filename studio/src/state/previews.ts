import { signal } from '@preact/signals'

/**
 * Small copies of pictures that were given on this machine, by the job: the page loads no picture from another host, and a
 * picture that was uploaded is at fal's. Kept by the browser, the newest of them.
 */

const PREFIX = 'reelay.preview.'
const ORDER = 'reelay.previews'
const MOST = 60
const WIDTH = 480

/** Counts changes, so that who shows a preview looks again. */
const changes = signal(0)

window.addEventListener('storage', ({ key }) => {
  if (key === ORDER) changes.value += 1
})

/** A data URI; null when there is none on this machine. */
export function findPreview(jobId: string): string | null {
  return changes.value >= 0 ? read(PREFIX + jobId) : null
}

export function savePreview(jobId: string, preview: string): void {
  const order = (read(ORDER) ?? '').split(' ').filter((id) => id !== '' && id !== jobId)
  const kept = [jobId, ...order].slice(0, MOST)
  try {
    for (const id of order.slice(MOST - 1)) localStorage.removeItem(PREFIX + id)
    localStorage.setItem(PREFIX + jobId, preview)
    localStorage.setItem(ORDER, kept.join(' '))
  } catch {
    // No room, or not allowed: a placeholder stands there instead.
  }
  changes.value += 1
}

/** A copy of a picture that is small enough to keep. */
export async function toPreview(picture: Blob): Promise<string> {
  const bitmap = await createImageBitmap(picture)
  const scale = Math.min(1, WIDTH / bitmap.width)
  const canvas = document.createElement('canvas')
  canvas.width = Math.max(1, Math.round(bitmap.width * scale))
  canvas.height = Math.max(1, Math.round(bitmap.height * scale))
  canvas.getContext('2d')?.drawImage(bitmap, 0, 0, canvas.width, canvas.height)
  bitmap.close()
  return canvas.toDataURL('image/webp', 0.8)
}

function read(key: string): string | null {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}
