/** Random numbers that can be had again: print the seed where a test uses them. */
export interface Seeded {
  /** 0 to 1, without 1. */
  number(): number
  /** A whole number from `least` to `most`, both of them possible. */
  whole(least: number, most: number): number
  /** True in `share` of all cases. */
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
