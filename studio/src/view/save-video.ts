/** Saves a video under its name. A link alone would open it: browsers do not save what comes from another host. */
export async function saveVideo({ url, fileName }: { url: string; fileName: string }): Promise<void> {
  const answer = await fetch(url)
  if (!answer.ok) throw new Error(`the video's host answered ${answer.status}`)
  const local = URL.createObjectURL(await answer.blob())
  const link = document.createElement('a')
  link.href = local
  link.download = fileName
  link.click()
  // Once the browser has taken it.
  setTimeout(() => URL.revokeObjectURL(local), 10_000)
}
