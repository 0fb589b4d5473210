export type RecentBuffer<T> = ReturnType<typeof createRecentBuffer<T>>

/** The newest items of a sequence numbered 1, 2, 3 …: those kept have no gap between them. */
export function createRecentBuffer<T>(capacity: number) {
  let items: T[] = []
  let head = 0
  return {
    /** The newest known number; 0 while none is known. */
    get head() {
      return head
    },
    /** Adds an item. Returns whether it is the newest. Skipping a number drops the items before it. */
    push: (index: number, item: T): boolean => {
      if (index <= head) return false
      if (index !== head + 1) items = []
      items.push(item)
      // Trimmed by halves, so that a push costs O(1) on average.
      if (items.length >= capacity * 2) items = items.slice(-capacity)
      head = index
      return true
    },
    /** Records that `index` exists, without its item. Returns whether that was new. */
    advanceTo: (index: number): boolean => {
      if (index <= head) return false
      items = []
      head = index
      return true
    },
    /** The items after `index`; null when some of them are not, or may not be, in the buffer. */
    since: (index: number): T[] | null => {
      if (head === 0 || index < head - items.length) return null
      return index >= head ? [] : items.slice(index - head)
    },
  }
}
