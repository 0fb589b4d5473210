import { complexityFromQuery } from '@pothos/plugin-complexity'
import { type GraphQLField, type GraphQLSchema, getNamedType, isAbstractType, isLeafType, isObjectType } from 'graphql'
import type { Seeded } from '../test/helpers/seeded.ts'

export interface Limits {
  complexity: number
  depth: number
  breadth: number
  aliases: number
}

export interface GeneratedQuery {
  root: Selection
  text: string
  complexity: number
}

/** A field or an inline fragment, as written in the query; the root has no name. Plain data, so it can be cloned. */
export interface Selection {
  written: string
  key: string
  type: string
  children: Selection[]
}

export interface GeneratorOptions {
  schema: GraphQLSchema
  random: Seeded
  limits: Limits
  /** The arguments of a field of a type, as written in the query, with parentheses. */
  toArguments(parent: string, field: string): string
  /** Lists of ids, by the variable names that `toArguments` uses. */
  variables: Record<string, unknown>
}

/** Number of consecutive additions over the limits after which a query counts as full. */
const PATIENCE = 25

/** Generates random queries that are as large as the limits allow. */
export function createQueryGenerator(options: GeneratorOptions) {
  const { schema, random, limits, toArguments, variables } = options
  const pick = <T>(list: readonly T[]): T => list[random.whole(0, list.length - 1)] as T

  function toText(root: Selection): string {
    const text = write(root)
    const used = Object.keys(variables).filter((name) => text.includes(`$${name})`))
    return `query ${used.length > 0 ? `(${used.map((name) => `$${name}: [ID!]!`).join(', ')})` : ''} ${text}`
  }

  function measure(root: Selection): GeneratedQuery | null {
    const text = toText(root)
    const cost = complexityFromQuery(text, { schema, variables })
    const aliases = text.match(/\w+: \w+/g)?.filter((word) => word.startsWith('a')).length ?? 0
    const fits =
      cost.complexity <= limits.complexity &&
      cost.depth <= limits.depth &&
      cost.breadth <= limits.breadth &&
      aliases <= limits.aliases
    return fits ? { root, text, complexity: cost.complexity } : null
  }

  function toSelection(
    parent: string,
    field: GraphQLField<unknown, unknown>,
    siblings: readonly Selection[],
  ): Selection {
    const taken = siblings.some(({ key }) => key === field.name)
    const key = taken ? `a${random.whole(1, 1e9)}` : field.name
    const type = getNamedType(field.type)
    const selection = {
      written: `${taken ? `${key}: ` : ''}${field.name}${toArguments(parent, field.name)}`,
      key,
      type: type.name,
      children: [],
    }
    if (!isLeafType(type)) addChildren(selection)
    return selection
  }

  /** Gives a composite field a selection: all its leaves, or one field. */
  function addChildren(selection: Selection): void {
    const type = schema.getType(selection.type)
    if (isAbstractType(type)) {
      const object = pick(schema.getPossibleTypes(type))
      const fragment = { written: `... on ${object.name}`, key: object.name, type: object.name, children: [] }
      addChildren(fragment)
      selection.children.push(fragment)
    } else if (isObjectType(type)) {
      const fields = Object.values(type.getFields())
      const leaves = fields.filter((field) => isLeafType(getNamedType(field.type)))
      const chosen = leaves.length > 0 && random.chance(0.6) ? leaves : [pick(fields)]
      for (const field of chosen) selection.children.push(toSelection(type.name, field, selection.children))
    }
  }

  function listComposites(selection: Selection): Selection[] {
    const type = schema.getType(selection.type)
    return [...(isObjectType(type) ? [selection] : []), ...selection.children.flatMap(listComposites)]
  }

  /** Adds fields at random places until no addition fits. */
  function grow(start: Selection): GeneratedQuery | null {
    let best: GeneratedQuery | null = start.children.length > 0 ? measure(start) : null
    for (let failures = 0; failures < PATIENCE; ) {
      const root = structuredClone(best?.root ?? { ...start, children: [] })
      const parent = pick(listComposites(root))
      const type = schema.getType(parent.type)
      if (!isObjectType(type)) continue
      parent.children.push(toSelection(type.name, pick(Object.values(type.getFields())), parent.children))
      const grown = measure(root)
      if (grown) best = grown
      else failures++
    }
    return best
  }

  return {
    generate: () => grow({ written: '', key: '', type: 'Query', children: [] }),
    /** A mutation of a query: parts are removed, then it grows again. */
    vary({ root }: GeneratedQuery): GeneratedQuery | null {
      const copy = structuredClone(root)
      for (let n = random.whole(1, 3); n > 0; n--) {
        const parent = pick(listComposites(copy))
        if (parent.children.length > 1) parent.children.splice(random.whole(0, parent.children.length - 1), 1)
      }
      return grow(copy)
    },
  }
}

function write({ written, children }: Selection): string {
  return children.length === 0 ? written : `${written} { ${children.map(write).join(' ')} }`
}
