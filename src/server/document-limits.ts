import {
  type ASTVisitor,
  type DocumentNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLErrorOptions,
  type GraphQLSchema,
  isIntrospectionType,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  type SelectionSetNode,
  type ValidationContext,
  validate,
  visit,
} from 'graphql'
import type { Plugin as YogaPlugin } from 'graphql-yoga'
import { MAX_ERRORS, shortenError } from './errors.ts'

/** Longest document, in characters: the longest of this API's own has 1,500, the introspection of tools 2,500. */
const MAX_CHARACTERS = 15_000

/**
 * Longest document, in tokens: the operations of this API have fewer than 300. The parser and the validation
 * recurse, so that one nested some thousand deep would overflow the stack before the limits of the schema see it.
 */
const MAX_TOKENS = 1000

/** Longest name, in characters. The name of a field is repeated in the path of each of its errors. */
const MAX_NAME_CHARACTERS = 100

/** Each alias runs its field once more. */
const MAX_ALIASES = 30

const MAX_DIRECTIVES = 50

/** Directives of one field or fragment. There are two to choose from, each of them once; graphql has an error for each more. */
const MAX_DIRECTIVES_IN_A_ROW = 5

/** Root fields of one mutation, which run one after the other. */
const MAX_MUTATIONS = 5

export interface DocumentLimitsOptions {
  /** True where callers should not learn the schema from its errors. */
  hideSuggestions: boolean
}

/**
 * Refuses documents whose parsing, validation or execution would cost much more than reading them, over every
 * transport. Errors of the parser and of the validation are few and short.
 */
export function limitDocuments({ hideSuggestions }: DocumentLimitsOptions): YogaPlugin {
  // One less, since graphql adds an error that says that there are more.
  const options = { maxErrors: MAX_ERRORS - 1, hideSuggestions }
  return {
    onParse: ({ params, parseFn, setParseFn }) => {
      requireShort(String(params.source).length)
      setParseFn((source, given) => {
        try {
          return parseFn(source, { ...given, maxTokens: MAX_TOKENS })
        } catch (error) {
          throw error instanceof GraphQLError ? shortenError(error) : error
        }
      })
    },
    onValidate: ({ addValidationRule, setValidationFn }) => {
      addValidationRule(IntrospectionWithoutAliasesRule)
      // graphql 17 takes the options where Yoga, made for graphql 16 too, gives the type information.
      setValidationFn((schema, document, rules) => {
        // Counted first: some of graphql's own rules are slow in a document of directives or names alone.
        const excess = findExcess(schema, document)
        if (excess) return [excess]
        const errors = validate(schema, document, rules, options).map(shortenError)
        return hideSuggestions ? errors.map(withoutSuggestion) : errors
      })
    },
  }
}

function requireShort(characters: number): void {
  if (characters > MAX_CHARACTERS)
    throw new GraphQLError(`The document has ${characters} characters: at most ${MAX_CHARACTERS} are allowed.`, {
      extensions: { code: 'DOCUMENT_TOO_LONG', http: { status: 400 } },
    })
}

function findExcess(schema: GraphQLSchema, document: DocumentNode): GraphQLError | null {
  const count = { aliases: 0, directives: 0, directivesInARow: 0, longNames: 0 }
  visit(document, {
    Field: ({ alias }) => {
      if (alias) count.aliases++
    },
    Directive: (_node, index) => {
      count.directives++
      count.directivesInARow = Math.max(count.directivesInARow, Number(index) + 1)
    },
    Name: ({ value }) => {
      if (value.length > MAX_NAME_CHARACTERS) count.longNames++
    },
  })
  if (count.aliases > MAX_ALIASES)
    return tooComplex(`The document has ${count.aliases} aliases: at most ${MAX_ALIASES} are allowed.`)
  if (count.directives > MAX_DIRECTIVES)
    return tooComplex(`The document has ${count.directives} directives: at most ${MAX_DIRECTIVES} are allowed.`)
  if (count.directivesInARow > MAX_DIRECTIVES_IN_A_ROW)
    return tooComplex(`The document has more than ${MAX_DIRECTIVES_IN_A_ROW} directives in one place.`)
  if (count.longNames > 0)
    return tooComplex(`The document has a name of more than ${MAX_NAME_CHARACTERS} characters: use a shorter one.`)
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION || definition.operation !== OperationTypeNode.MUTATION) continue
    const excess = findMutationExcess(schema, document, definition)
    if (excess) return excess
  }
  return null
}

/** One request makes one job and stores one image, whatever else it does. */
function findMutationExcess(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
): GraphQLError | null {
  const names = [...readRootFields(document, operation).values()]
  const nodes = [operation]
  if (names.length > MAX_MUTATIONS)
    return tooComplex(`The mutation has ${names.length} fields: at most ${MAX_MUTATIONS} are allowed.`, { nodes })
  const fields = schema.getMutationType()?.getFields() ?? {}
  const repeated = names.find(
    (name, index) => names.indexOf(name) !== index && fields[name]?.extensions.isRepeatable !== true,
  )
  return repeated === undefined
    ? null
    : tooComplex(`The mutation selects \`${repeated}\` more than once: select it once per request.`, { nodes })
}

/** The fields that the operation runs, by the name that each has in the answer. */
function readRootFields(document: DocumentNode, operation: OperationDefinitionNode): Map<string, string> {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition)
  const fields = new Map<string, string>()

  function read({ selections }: SelectionSetNode): void {
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) fields.set((selection.alias ?? selection.name).value, selection.name.value)
      else if (selection.kind === Kind.INLINE_FRAGMENT) read(selection.selectionSet)
      else {
        const fragment = fragments.get(selection.name.value)
        // Read once: what it holds runs once, and a cycle ends.
        fragments.delete(selection.name.value)
        if (fragment) read(fragment.selectionSet)
      }
    }
  }
  read(operation.selectionSet)
  return fields
}

/**
 * Introspection costs nothing in the limits of the schema. Without aliases every field of a level is answered once, and
 * graphql bounds the levels: it then costs no more than the schema is large.
 */
function IntrospectionWithoutAliasesRule(context: ValidationContext): ASTVisitor {
  return {
    Field: (node) => {
      const parent = context.getParentType()
      const isIntrospection =
        node.name.value === '__schema' || node.name.value === '__type' || (parent && isIntrospectionType(parent))
      if (node.alias && isIntrospection)
        context.reportError(
          tooComplex('Introspection does not allow aliases: select each field once.', { nodes: [node] }),
        )
    },
  }
}

/** graphql's rule for a missing selection is the one that suggests whatever its options say. */
function withoutSuggestion(error: GraphQLError): GraphQLError {
  const [message = '', suggestion] = error.message.split(/ Did you mean /, 2)
  return suggestion === undefined ? error : new GraphQLError(message, { nodes: error.nodes })
}

function tooComplex(message: string, options?: GraphQLErrorOptions): GraphQLError {
  return new GraphQLError(message, { ...options, extensions: { code: 'QUERY_TOO_COMPLEX' } })
}
