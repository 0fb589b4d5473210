import type { Source } from './read-source.ts'

/** The files that reach themselves by imports, of values or of types: the shortest way round from each of them, once. */
export function findCircles(sources: readonly Source[]): string[][] {
  const targets = new Map(
    sources.map(({ file, imports }) => [file, imports.filter(({ isPackage }) => !isPackage).map(({ to }) => to)]),
  )
  const seen = new Set<string>()
  return [...targets.keys()].flatMap((file) => {
    const circle = findWay(targets, file)
    if (!circle || circle.some((step) => seen.has(step))) return []
    for (const step of circle) seen.add(step)
    return [circle]
  })
}

/** The shortest way from a file back to it; null when there is none. */
function findWay(targets: ReadonlyMap<string, readonly string[]>, start: string): string[] | null {
  const from = new Map<string, string>()
  const open = [start]
  for (const file of open) {
    for (const target of targets.get(file) ?? []) {
      if (from.has(target) || !targets.has(target)) continue
      from.set(target, file)
      if (target === start) {
        const way = [start]
        for (let step = file; step !== start; step = from.get(step) ?? start) way.unshift(step)
        return [start, ...way]
      }
      open.push(target)
    }
  }
  return null
}
