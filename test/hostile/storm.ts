import { type Chooser, createChooser } from './chooser.ts'

/** How many items a run sends: few in `npm test`, 100,000 in `npm run test:hostile`. */
export const COUNT = Number(process.env.HOSTILE_COUNT ?? 2000)
export const SEED = Number(process.env.TEST_SEED ?? 20261127)
/** Sends one item alone: the number that a violation names. */
const ONLY = process.env.HOSTILE_ONLY

/** An item that was answered as none may be. Seed and index make it again. */
export interface Violation {
  seed: number
  index: number
  what: string[]
  /** The beginning of what was sent. */
  sent: string
}

export interface Storm<Item> {
  /** How many are sent side by side. */
  lanes: number
  seed: number
  count: number
  make(choose: Chooser): Item
  /** Sends it, and answers what was wrong with the answer. */
  send(item: Item): Promise<string[]>
  show(item: Item): string
  /** How many of the count an item is. Default 1. */
  weigh?(item: Item): number
  /** Ends the run, however many are left. */
  isOver?(): boolean
}

/** So many are enough to know that something is wrong. */
const MAX_VIOLATIONS = 20

/** Sends generated items over many connections at once, and answers what was wrong. */
export async function storm<Item>({
  lanes,
  seed,
  count,
  make,
  send,
  show,
  weigh = () => 1,
  isOver = () => false,
}: Storm<Item>): Promise<{ sent: number; violations: Violation[] }> {
  const violations: Violation[] = []
  let sent = 0
  let next = ONLY === undefined ? 0 : Number(ONLY)
  async function runLane(): Promise<void> {
    while (sent < count && violations.length < MAX_VIOLATIONS && !isOver()) {
      const index = next++
      const item = make(createChooser(seed, index))
      sent += ONLY === undefined ? weigh(item) : count
      const what = await send(item)
      if (what.length > 0) violations.push({ seed, index, what, sent: show(item) })
    }
  }
  await Promise.all(Array.from({ length: ONLY === undefined ? lanes : 1 }, runLane))
  return { sent, violations }
}
