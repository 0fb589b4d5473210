import { signal } from '@preact/signals'

/** The current time, updated every second by one timer for all components. */
export const now = signal(Date.now())

export function startClock(): void {
  const tick = () => {
    now.value = Date.now()
  }
  setInterval(tick, 1000)
  // Browsers slow down the timers of hidden tabs.
  document.addEventListener('visibilitychange', tick)
}
