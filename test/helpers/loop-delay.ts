/**
 * Preloaded into a server process (`node --import`). On SIGUSR2 it prints the longest CPU time of one turn of the event
 * loop since the last SIGUSR2, in milliseconds. It measures CPU time because on a busy machine a turn of 30 ms can take
 * half a second.
 */
let before = process.threadCpuUsage()
let longestMs = 0

// Runs in every turn.
setInterval(() => {
  const { user, system } = process.threadCpuUsage(before)
  longestMs = Math.max(longestMs, (user + system) / 1000)
  before = process.threadCpuUsage()
}, 1).unref()

process.on('SIGUSR2', () => {
  process.stdout.write(`loop held for ${longestMs.toFixed(1)} ms\n`)
  longestMs = 0
})
