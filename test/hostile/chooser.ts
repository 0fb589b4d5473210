import { createSeeded, type Seeded } from '../helpers/seeded.ts'

/** What a generator makes its choices with. */
export interface Chooser extends Seeded {
  pick<T>(from: readonly T[]): T
  /** Calls one of the makers, each as often as its weight says. */
  oneOf<T>(makers: readonly (readonly [weight: number, make: () => T])[]): T
  times<T>(least: number, most: number, make: (index: number) => T): T[]
}

/** The choices of one item of a run: made of seed and index alone, so that one item can be had again without the others. */
export function createChooser(seed: number, index: number): Chooser {
  const seeded = createSeeded(Math.imul(seed, 0x9e3779b1) + index)
  return {
    ...seeded,
    pick: <T>(from: readonly T[]) => from[seeded.whole(0, from.length - 1)] as T,
    oneOf: <T>(makers: readonly (readonly [number, () => T])[]) => {
      let left = seeded.number() * makers.reduce((sum, [weight]) => sum + weight, 0)
      const chosen = makers.find(([weight]) => {
        left -= weight
        return left < 0
      })
      if (!chosen) throw new Error('there is nothing to choose from')
      return chosen[1]()
    },
    times: (least, most, make) => Array.from({ length: seeded.whole(least, most) }, (_, index) => make(index)),
  }
}
