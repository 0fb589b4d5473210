import {
  type ExecutionArgs,
  GraphQLError,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  isInputObjectType,
  isInputType,
  isListType,
  isNonNullType,
  typeFromAST,
  type VariableDefinitionNode,
} from 'graphql'
import type { Plugin as YogaPlugin } from 'graphql-yoga'
import { shorten } from '../errors.ts'
import { MAX_ERRORS, shortenError } from './errors.ts'

/** Longest list looked into: `nodes` takes 100 ids, and says so itself of up to this many. */
const MAX_ITEMS = 1000

/** What is shown of a text or of the name of a field that does not fit, in characters. */
const MAX_SHOWN_CHARACTERS = 50

export interface VariableChecksOptions {
  /** True where callers should not learn the schema from its errors. */
  hideSuggestions: boolean
}

/**
 * Tells what is wrong with an operation's variables before it is executed. The executor would write each object around
 * a mistake whole into the error: 2 MB of unknown fields held the process for 23 s.
 */
export function checkVariables({ hideSuggestions }: VariableChecksOptions): YogaPlugin {
  function checked<Args extends ExecutionArgs, Result>(run: (args: Args) => Result) {
    return (args: Args) => {
      const errors = findErrors(args, hideSuggestions)
      return errors.length > 0 ? { errors } : run(args)
    }
  }

  return {
    onExecute: ({ executeFn, setExecuteFn }) => setExecuteFn(checked(executeFn)),
    onSubscribe: ({ subscribeFn, setSubscribeFn }) => setSubscribeFn(checked(subscribeFn)),
  }
}

/** graphql's own check, of an excerpt: what it writes into its errors is short then. */
function findErrors({ schema, document, operationName, variableValues }: ExecutionArgs, hideSuggestions: boolean) {
  const definitions = getOperationAST(document, operationName)?.variableDefinitions ?? []
  try {
    const excerpts = toExcerpts(schema, definitions, variableValues ?? {})
    // One less, since graphql adds an error that says that there are more.
    const options = { maxErrors: MAX_ERRORS - 1, hideSuggestions }
    return getVariableValues(schema, definitions, excerpts, options).errors?.map(toBadRequest) ?? []
  } catch (error) {
    if (error instanceof GraphQLError) return [toBadRequest(error)]
    throw error
  }
}

/** What the variables of an operation fit or do not fit as the full values do. Others are never looked at. */
function toExcerpts(
  schema: GraphQLSchema,
  definitions: readonly VariableDefinitionNode[],
  values: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const given = definitions.filter(({ variable }) => Object.hasOwn(values, variable.name.value))
  return Object.fromEntries(
    given.map(({ variable: { name }, type: node }) => {
      const type = typeFromAST(schema, node)
      return [name.value, isInputType(type) ? toExcerpt(values[name.value], type) : null]
    }),
  )
}

/** @throws GraphQLError when a list has too many items to look at each */
function toExcerpt(value: unknown, type: GraphQLInputType): unknown {
  if (isNonNullType(type)) return toExcerpt(value, type.ofType)
  if (isListType(type) && Array.isArray(value)) {
    if (value.length > MAX_ITEMS)
      throw new GraphQLError(`A list in the variables has ${value.length} items: at most ${MAX_ITEMS} are allowed.`)
    return value.map((item) => toExcerpt(item, type.ofType))
  }
  if (isListType(type)) return toExcerpt(value, type.ofType)
  // No scalar takes a text for its length: cut, one that fits still does, and one that does not never begins to.
  if (typeof value === 'string') return shorten(value, MAX_SHOWN_CHARACTERS)
  if (typeof value !== 'object' || value === null || value instanceof Blob) return value
  return isInputObjectType(type) && !Array.isArray(value) ? new ObjectExcerpt(value, type) : SOMETHING
}

/** The fields of the type, and as many others as there can be errors. What graphql shows of it is `{…}`. */
class ObjectExcerpt {
  constructor(value: object, type: GraphQLInputObjectType) {
    const fields = type.getFields()
    for (const { name, type } of Object.values(fields))
      if (Object.hasOwn(value, name)) this.#define(name, toExcerpt(Reflect.get(value, name), type))
    let others = 0
    for (const name in value) {
      if (Object.hasOwn(fields, name)) continue
      this.#define(shorten(name, MAX_SHOWN_CHARACTERS), true)
      others++
      if (others === MAX_ERRORS) break
    }
  }

  /** Assigned, `__proto__` would be no field. */
  #define(name: string, value: unknown): void {
    Object.defineProperty(this, name, { value, enumerable: true })
  }

  toJSON(): string {
    return '{…}'
  }
}

/** A list or an object where the type has none: no scalar takes it. */
const SOMETHING = { toJSON: () => '…' }

function toBadRequest(error: GraphQLError): GraphQLError {
  const { message, nodes, originalError } = shortenError(error)
  return new GraphQLError(message, { nodes, originalError, extensions: { code: 'BAD_REQUEST', http: { status: 400 } } })
}
