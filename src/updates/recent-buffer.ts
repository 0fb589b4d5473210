/** The newest items of something numbered 1, 2, 3 …, without gaps between the first and the last of them. */
export interface RecentBuffer<T> {
  /** Newest number known; 0 while none is. */
  readonly head: number
  /** Adds an item. True when it is newer than all before. One that is not the next number starts over. */
  push(index: number, item: T): boolean
  /** Notes that `index` exists, without having it. True when that is news. */
  advanceTo(index: number): boolean
  /** The items after `index`; null when some of them are not (or may not be) here. */
  since(index: number): T[] | null
}

export function createRecentBuffer<T>(capacity: number): RecentBuffer<T> {
  let items: T[] = []
  let head = 0
  return {
    get head() {
      return head
    },
    push: (index, item) => {
      if (index <= head) return false
      if (index !== head + 1) items = []
      items.push(item)
      // Trimmed by halves, so that a push costs O(1) on average.
      if (items.length >= capacity * 2) items = items.slice(-capacity)
      head = index
      return true
    },
    advanceTo: (index) => {
      if (index <= head) return false
      items = []
      head = index
      return true
    },
    since: (index) => {
      if (head === 0 || index < head - items.length) return null
      return index >= head ? [] : items.slice(index - head)
    },
  }
}
