import { signal } from '@preact/signals'

/** The time, to the second: one timer for all that counts. */
export const now = signal(Date.now())

export function startClock(): void {
  const tick = () => {
    now.value = Date.now()
  }
  setInterval(tick, 1000)
  // A hidden tab's timers are slowed down.
  document.addEventListener('visibilitychange', tick)
}
