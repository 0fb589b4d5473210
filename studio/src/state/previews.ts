import { signal } from '@preact/signals'

/**
 * Small copies of the images chosen in this browser, by job: the page loads no image from another host, and uploaded
 * images are stored at fal. The newest {@link MAX_PREVIEWS} stay in localStorage.
 */

const PREFIX = 'reelay.preview.'
const ORDER = 'reelay.previews'
const MAX_PREVIEWS = 60
const WIDTH_PX = 480

/** Counts changes of the store: reading it subscribes a component to them. */
const changes = signal(0)

window.addEventListener('storage', ({ key }) => {
  if (key === ORDER) changes.value += 1
})

/** A data URI; null when this browser has none for the job. */
export function findPreview(jobId: string): string | null {
  return changes.value >= 0 ? read(PREFIX + jobId) : null
}

export function savePreview(jobId: string, preview: string): void {
  const order = (read(ORDER) ?? '').split(' ').filter((id) => id !== '' && id !== jobId)
  const kept = [jobId, ...order].slice(0, MAX_PREVIEWS)
  try {
    for (const id of order.slice(MAX_PREVIEWS - 1)) localStorage.removeItem(PREFIX + id)
    localStorage.setItem(PREFIX + jobId, preview)
    localStorage.setItem(ORDER, kept.join(' '))
  } catch {
    // The storage is full or disabled: the page shows a placeholder instead.
  }
  changes.value += 1
}

export async function toPreview(image: Blob): Promise<string> {
  const bitmap = await createImageBitmap(image)
  const scale = Math.min(1, WIDTH_PX / bitmap.width)
  const canvas = document.createElement('canvas')
  canvas.width = Math.max(1, Math.round(bitmap.width * scale))
  canvas.height = Math.max(1, Math.round(bitmap.height * scale))
  canvas.getContext('2d')?.drawImage(bitmap, 0, 0, canvas.width, canvas.height)
  bitmap.close()
  return canvas.toDataURL('image/webp', 0.8)
}

/** Browsers that block the storage throw on access. */
function read(key: string): string | null {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}
