/** Sets the clock of this process ahead, or back when negative; its timers and `performance.now()` stay as they are. Answers what undoes it. */
export function shiftClock(byMs: number): () => void {
  const RealDate = Date
  class ShiftedDate extends RealDate {
    constructor(...given: unknown[]) {
      super(...((given.length > 0 ? given : [RealDate.now() + byMs]) as [number]))
    }
    static override now(): number {
      return RealDate.now() + byMs
    }
  }
  globalThis.Date = ShiftedDate as DateConstructor
  return () => {
    globalThis.Date = RealDate
  }
}

/** The same for a Node of its own, as part of its environment. */
export function toShiftedEnvironment(byMs: number): { NODE_OPTIONS: string } {
  const preload = `(${shiftClock})(${byMs})`
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(preload)}` }
}
