/** Saves a video under its file name. Browsers ignore the `download` attribute of links to other hosts. */
export async function saveVideo({ url, fileName }: { url: string; fileName: string }): Promise<void> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`the video's host answered ${response.status}`)
  const local = URL.createObjectURL(await response.blob())
  const link = document.createElement('a')
  link.href = local
  link.download = fileName
  link.click()
  // Long after the browser has started to save it.
  setTimeout(() => URL.revokeObjectURL(local), 10_000)
}
