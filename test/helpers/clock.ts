/** Sets the clock of this process ahead, or back if negative, but not its timers and `performance.now()`. Returns the undo. */
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

/** Environment variables that do the same in a new Node process. */
export function toShiftedEnvironment(byMs: number): { NODE_OPTIONS: string } {
  const preload = `(${shiftClock})(${byMs})`
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(preload)}` }
}
