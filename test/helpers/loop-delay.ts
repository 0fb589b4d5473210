/**
 * Loaded into a server process before its own code (`node --import`): on SIGUSR2 it prints the longest time for which one
 * turn of the event loop computed since the last such signal, in milliseconds. What other processes did meanwhile does not
 * count: on a busy machine a turn of 30 ms can take half a second.
 */
let before = process.threadCpuUsage()
let longestMs = 0

// Due in every turn.
setInterval(() => {
  const { user, system } = process.threadCpuUsage(before)
  longestMs = Math.max(longestMs, (user + system) / 1000)
  before = process.threadCpuUsage()
}, 1).unref()

process.on('SIGUSR2', () => {
  process.stdout.write(`loop held for ${longestMs.toFixed(1)} ms\n`)
  longestMs = 0
})
