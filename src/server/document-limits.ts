import {
  type ASTVisitor,
  type DocumentNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLErrorOptions,
  type GraphQLSchema,
  isIntrospectionType,
  Kind,
  NoSchemaIntrospectionCustomRule,
  type OperationDefinitionNode,
  OperationTypeNode,
  type SelectionSetNode,
  type ValidationContext,
  validate,
  visit,
} from 'graphql'
import type { Plugin as YogaPlugin } from 'graphql-yoga'
import { MAX_ERRORS, shortenError } from './errors.ts'

/** Longest document, in characters: this API's own have up to 1,500, introspection queries of tools 2,500. */
const MAX_CHARACTERS = 15_000

/**
 * Longest document, in tokens: the operations of this API have fewer than 300. The parser and the validation recurse: a
 * document nested some thousand levels deep would overflow the stack before the limits of the schema apply.
 */
const MAX_TOKENS = 1000

/** Longest name, in characters: errors repeat the name of their field in the path. */
const MAX_NAME_CHARACTERS = 100

/** Each alias runs its field once more. */
const MAX_ALIASES = 30

const MAX_DIRECTIVES = 50

/** Directives of one field or fragment. Two exist, each allowed once; graphql adds an error for each extra one. */
const MAX_DIRECTIVES_PER_NODE = 5

/** Root fields of one mutation; they run in sequence. */
const MAX_MUTATIONS = 5

/** Refuses documents that are expensive to parse, validate or execute, and limits their errors in number and length. */
export function limitDocuments({
  introspection,
  hideSuggestions,
}: {
  introspection: boolean
  hideSuggestions: boolean
}): YogaPlugin {
  // One less: graphql adds an error that says that there are more.
  const options = { maxErrors: MAX_ERRORS - 1, hideSuggestions }
  return {
    onParse: ({ params, parseFn, setParseFn }) => {
      const { length } = String(params.source)
      if (length > MAX_CHARACTERS)
        throw new GraphQLError(`The document has ${length} characters: at most ${MAX_CHARACTERS} are allowed.`, {
          extensions: { code: 'DOCUMENT_TOO_LONG', http: { status: 400 } },
        })
      setParseFn((source, given) => {
        try {
          return parseFn(source, { ...given, maxTokens: MAX_TOKENS })
        } catch (error) {
          throw error instanceof GraphQLError ? shortenError(error) : error
        }
      })
    },
    onValidate: ({ addValidationRule, setValidationFn }) => {
      if (!introspection) addValidationRule(NoSchemaIntrospectionCustomRule)
      addValidationRule(IntrospectionWithoutAliasesRule)
      // graphql 17 expects the options in the position where Yoga, which supports graphql 16 too, passes the type info.
      setValidationFn((schema, document, rules) => {
        // Counted first: some of graphql's own rules are slow on a document full of directives or names.
        const excess = findExcess(schema, document)
        if (excess) return [excess]
        const errors = validate(schema, document, rules, options).map(shortenError)
        return hideSuggestions ? errors.map(withoutSuggestion) : errors
      })
    },
  }
}

function findExcess(schema: GraphQLSchema, document: DocumentNode): GraphQLError | null {
  const count = { aliases: 0, directives: 0, directivesPerNode: 0, longNames: 0 }
  visit(document, {
    Field: ({ alias }) => {
      if (alias) count.aliases++
    },
    Directive: (_node, index) => {
      count.directives++
      count.directivesPerNode = Math.max(count.directivesPerNode, Number(index) + 1)
    },
    Name: ({ value }) => {
      if (value.length > MAX_NAME_CHARACTERS) count.longNames++
    },
  })
  if (count.aliases > MAX_ALIASES)
    return tooComplex(`The document has ${count.aliases} aliases: at most ${MAX_ALIASES} are allowed.`)
  if (count.directives > MAX_DIRECTIVES)
    return tooComplex(`The document has ${count.directives} directives: at most ${MAX_DIRECTIVES} are allowed.`)
  if (count.directivesPerNode > MAX_DIRECTIVES_PER_NODE)
    return tooComplex(`The document has more than ${MAX_DIRECTIVES_PER_NODE} directives in one place.`)
  if (count.longNames > 0)
    return tooComplex(`The document has a name of more than ${MAX_NAME_CHARACTERS} characters: use a shorter one.`)
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION || definition.operation !== OperationTypeNode.MUTATION) continue
    const excess = findMutationExcess(schema, document, definition)
    if (excess) return excess
  }
  return null
}

/** One request may create one job and store one image. */
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

/** The root fields of the operation, by their names in the response. */
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
        // Read once: its fields run once, and a cycle ends.
        fragments.delete(selection.name.value)
        if (fragment) read(fragment.selectionSet)
      }
    }
  }
  read(operation.selectionSet)
  return fields
}

/**
 * Introspection is free under the schema's complexity limits. Without aliases each field appears once per level, and
 * graphql limits the levels, so that its cost is limited by the size of the schema.
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

/** graphql's rule for a missing selection ignores `hideSuggestions`. */
function withoutSuggestion(error: GraphQLError): GraphQLError {
  const [message = '', suggestion] = error.message.split(/ Did you mean /, 2)
  return suggestion === undefined ? error : new GraphQLError(message, { nodes: error.nodes })
}

function tooComplex(message: string, options?: GraphQLErrorOptions): GraphQLError {
  return new GraphQLError(message, { ...options, extensions: { code: 'QUERY_TOO_COMPLEX' } })
}
