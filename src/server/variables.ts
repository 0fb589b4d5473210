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

/** Longest accepted list. The resolver of `nodes` has its own limit of 100 ids, and its own error for up to this many. */
const MAX_ITEMS = 1000

/** Characters of a rejected text or field name in an error. */
const MAX_SHOWN_CHARACTERS = 50

/**
 * Validates an operation's variables before its execution. The executor prints the whole object around each mistake
 * into the error: 2 MB of unknown fields blocked the process for 23 s.
 */
export function checkVariables({ hideSuggestions }: { hideSuggestions: boolean }): YogaPlugin {
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

/** Runs graphql's own validation on excerpts of the values, which keeps its errors short. */
function findErrors({ schema, document, operationName, variableValues }: ExecutionArgs, hideSuggestions: boolean) {
  const definitions = getOperationAST(document, operationName)?.variableDefinitions ?? []
  try {
    const excerpts = toExcerpts(schema, definitions, variableValues ?? {})
    // One less: graphql adds an error that says that there are more.
    const options = { maxErrors: MAX_ERRORS - 1, hideSuggestions }
    return getVariableValues(schema, definitions, excerpts, options).errors?.map(toBadRequest) ?? []
  } catch (error) {
    if (error instanceof GraphQLError) return [toBadRequest(error)]
    throw error
  }
}

/** Excerpts of the operation's variables: valid exactly when the full values are. Undeclared variables are ignored. */
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

/** @throws GraphQLError when a list has too many items */
function toExcerpt(value: unknown, type: GraphQLInputType): unknown {
  if (isNonNullType(type)) return toExcerpt(value, type.ofType)
  if (isListType(type) && Array.isArray(value)) {
    if (value.length > MAX_ITEMS)
      throw new GraphQLError(`A list in the variables has ${value.length} items: at most ${MAX_ITEMS} are allowed.`)
    return value.map((item) => toExcerpt(item, type.ofType))
  }
  if (isListType(type)) return toExcerpt(value, type.ofType)
  // No scalar depends on the length of a string: shortened, a valid one stays valid and an invalid one invalid.
  if (typeof value === 'string') return shorten(value, MAX_SHOWN_CHARACTERS)
  if (typeof value !== 'object' || value === null || value instanceof Blob) return value
  return isInputObjectType(type) && !Array.isArray(value) ? new ObjectExcerpt(value, type) : NOT_A_SCALAR
}

/** The fields of the type, and as many unknown ones as errors are allowed. graphql prints it as `{…}`. */
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

  /** An assignment to `__proto__` would not create a field. */
  #define(name: string, value: unknown): void {
    Object.defineProperty(this, name, { value, enumerable: true })
  }

  toJSON(): string {
    return '{…}'
  }
}

/** Stands for a list or an object where a scalar is expected: no scalar accepts it. */
const NOT_A_SCALAR = { toJSON: () => '…' }

function toBadRequest(error: GraphQLError): GraphQLError {
  const { message, nodes, originalError } = shortenError(error)
  return new GraphQLError(message, { nodes, originalError, extensions: { code: 'BAD_REQUEST', http: { status: 400 } } })
}
