import { readFile } from 'node:fs/promises'
import {
  buildSchema,
  type GraphQLNamedType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isSpecifiedScalarType,
  lexicographicSortSchema,
  parse,
  print,
  printSchema,
  visit,
} from 'graphql'
import { expect, test } from 'vitest'
import { schema } from '../../src/schema/index.ts'

test('the schema equals the contract in names, arguments, nullability and defaults', async () => {
  const contract = buildSchema(await readText('../fixtures/contract.graphql'))
  expect(printWithoutDescriptions(schema)).toBe(printWithoutDescriptions(contract))
})

test('everything in the schema is described', () => {
  const types = Object.values(schema.getTypeMap()).filter(
    (type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type),
  )
  const undescribed = types.flatMap(listParts).filter(({ description }) => !description?.trim())
  expect(undescribed.map(({ name }) => name)).toEqual([])
})

test('the committed schema.graphql is the schema: if not, run `npm run codegen`', async () => {
  const committed = buildSchema(await readText('../../schema.graphql'))
  expect(printSchema(lexicographicSortSchema(committed))).toBe(printSchema(lexicographicSortSchema(schema)))
})

function readText(path: string): Promise<string> {
  return readFile(new URL(path, import.meta.url), 'utf8')
}

function printWithoutDescriptions(schema: GraphQLSchema): string {
  const document = parse(printSchema(lexicographicSortSchema(schema)))
  return print(
    visit(document, { enter: (node) => ('description' in node ? { ...node, description: undefined } : undefined) }),
  )
}

interface Part {
  name: string
  description: string | null | undefined
}

/** A type and all that it consists of, each with its coordinate, e.g. `Query.job(id:)`. */
function listParts(type: GraphQLNamedType): Part[] {
  return [type, ...listFields(type)]
}

function listFields(type: GraphQLNamedType): Part[] {
  const inner = (name: string, { description }: Pick<Part, 'description'>): Part => ({
    name: `${type.name}.${name}`,
    description,
  })
  if (isEnumType(type)) return type.getValues().map((value) => inner(value.name, value))
  if (isInputObjectType(type)) return Object.values(type.getFields()).map((field) => inner(field.name, field))
  if (!isObjectType(type) && !isInterfaceType(type)) return []
  return Object.values(type.getFields()).flatMap((field) => [
    inner(field.name, field),
    ...field.args.map((argument) => inner(`${field.name}(${argument.name}:)`, argument)),
  ])
}
