/**
 * Loaded into a server process before its own code (`node --import`): on SIGUSR2 it prints the longest time for which the
 * event loop was held since the last such signal, in milliseconds.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'

const delays = monitorEventLoopDelay({ resolution: 5 })
delays.enable()
process.on('SIGUSR2', () => {
  process.stdout.write(`loop held for ${(delays.max / 1e6).toFixed(1)} ms\n`)
  delays.reset()
})
