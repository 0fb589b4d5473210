/** Reproducible random numbers: a test that uses them prints its seed. */
export interface Seeded {
  /** From 0 to 1, excluding 1. */
  number(): number
  /** An integer from `least` to `most`, both included. */
  whole(least: number, most: number): number
  /** True with probability `share`. */
  chance(share: number): boolean
}

/** Mulberry32: small, and the same on every machine. */
export function createSeeded(seed: number): Seeded {
  let state = seed >>> 0
  function number(): number {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    number,
    whole: (least, most) => least + Math.floor(number() * (most - least + 1)),
    chance: (share) => number() < share,
  }
}
