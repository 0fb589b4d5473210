/** GraphQL documents: made by the grammar from the schema, then damaged, or of the shapes that are known to hurt. */
import { readFileSync } from 'node:fs'
import {
  buildSchema,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLNamedType,
  getNamedType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql'
import type { Chooser } from './chooser.ts'
import { makeId, makeImageUrl, makeText, type World } from './values.ts'

/** As a stranger knows it: printed. */
const schema = buildSchema(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'))

/** A document and what may stand in its request beside it. */
export interface Operation {
  query: string
  /** Names of variables that the document declares. */
  variables: string[]
}

export function makeOperation(choose: Chooser, world: World): Operation {
  return choose.oneOf<Operation>([
    [6, () => ({ query: makeDocument(choose, world), variables: [] })],
    [3, () => ({ query: damage(choose, makeDocument(choose, world)), variables: [] })],
    [4, () => choose.pick(WITH_VARIABLES)],
    [3, () => ({ query: choose.pick(SHAPES)(choose.pick([1, 5, 30, 101, 1000, 4000])), variables: [] })],
    [0.03, () => ({ query: choose.pick(SHAPES)(50_000), variables: [] })],
    [1, () => ({ query: makeText(choose), variables: [] })],
  ])
}

/** A document that is valid, or nearly. */
export function makeDocument(choose: Chooser, world: World): string {
  const kind = choose.oneOf<'query' | 'mutation' | 'subscription'>([
    [8, () => 'query'],
    [1, () => 'mutation'],
    [1, () => 'subscription'],
  ])
  const root = {
    query: schema.getQueryType(),
    mutation: schema.getMutationType(),
    subscription: schema.getSubscriptionType(),
  }[kind]
  if (!root) throw new Error(`the schema has no ${kind}`)
  const fields =
    kind === 'subscription'
      ? 1
      : choose.oneOf([
          [6, () => 1],
          [2, () => 3],
          [1, () => 12],
        ])
  return `${kind} ${makeFields(choose, world, root, { count: fields, depth: choose.whole(1, 6) })}`
}

function makeFields(
  choose: Chooser,
  world: World,
  type: GraphQLNamedType,
  { count, depth }: { count: number; depth: number },
): string {
  const known = 'getFields' in type && !isInputObjectType(type) ? Object.values(type.getFields()) : []
  const selections = Array.from({ length: count }, () =>
    choose.oneOf([
      [known.length === 0 ? 0 : 10, () => makeField(choose, world, choose.pick(known), depth)],
      [1, () => '__typename'],
      [isCompositeType(type) && depth > 0 ? 2 : 0, () => makeFragment(choose, world, type, depth)],
      [
        0.2,
        () => choose.pick(['nonsense', '__schema { types { name } }', '__type(name: "Job") { name }', '...Missing']),
      ],
    ]),
  )
  return `{ ${selections.join(choose.pick([' ', '\n', ',', '\t', ' # comment\n', '\r\n']))} }`
}

function makeField(choose: Chooser, world: World, field: GraphQLField<unknown, unknown>, depth: number): string {
  const alias = choose.chance(0.2) ? `${choose.pick(['a', 'b', '_', '__proto__', 'constructor'])}: ` : ''
  const given = field.args.filter(({ type }) => isNonNullType(type) || choose.chance(0.4))
  const args = given.map(({ name, type }) => `${name}: ${makeLiteral(choose, world, name, type)}`)
  const directive = choose.chance(0.1)
    ? choose.pick([' @include(if: true)', ' @skip(if: false)', ' @skip', ' @unknown'])
    : ''
  const type = getNamedType(field.type)
  const fields = isCompositeType(type)
    ? depth > 0
      ? ` ${makeFields(choose, world, type, { count: choose.whole(1, 4), depth: depth - 1 })}`
      : ' { __typename }'
    : ''
  return `${alias}${field.name}${args.length > 0 ? `(${args.join(' ')})` : ''}${directive}${fields}`
}

function makeFragment(choose: Chooser, world: World, type: GraphQLNamedType, depth: number): string {
  const objects = Object.values(schema.getTypeMap()).filter((other) => isObjectType(other))
  const possible =
    isCompositeType(type) && !isObjectType(type)
      ? schema.getPossibleTypes(type)
      : objects.filter((other) => other === type)
  const on = choose.chance(0.9) && possible.length > 0 ? choose.pick(possible) : choose.pick(objects)
  return `... on ${on.name} ${makeFields(choose, world, on, { count: choose.whole(1, 3), depth: depth - 1 })}`
}

function makeLiteral(choose: Chooser, world: World, name: string, type: GraphQLInputType): string {
  if (choose.chance(0.04))
    return choose.pick(['null', '[[[]]]', '{}', '1e400', '"""block\n  string"""', '$missing', 'ENUM', '-9e999'])
  if (isNonNullType(type)) return makeLiteral(choose, world, name, type.ofType)
  if (isListType(type)) return `[${choose.times(0, 4, () => makeLiteral(choose, world, name, type.ofType)).join(', ')}]`
  const named = getNamedType(type)
  if (isEnumType(named)) return choose.pick(named.getValues()).name
  if (isInputObjectType(named)) {
    const fields = Object.values(named.getFields()).filter((field) => isNonNullType(field.type) || choose.chance(0.3))
    return `{${fields.map((field) => `${field.name}: ${makeLiteral(choose, world, field.name, field.type)}`).join(', ')}}`
  }
  const quote = (text: string) => JSON.stringify(text)
  if (named.name === 'URL') return quote(makeImageUrl(choose))
  if (named.name === 'ID') return quote(makeId(choose, world))
  if (named.name === 'Boolean') return choose.pick(['true', 'false'])
  if (named.name === 'DateTime')
    return quote(choose.pick(['2026-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z', '', 'now']))
  if (named.name === 'Int')
    return String(choose.pick([-1, 0, 1, 20, 25, 100, 101, 127, 255, 256, 2147483647, 2147483648]))
  if (named.name === 'Float') return choose.pick(['0', '0.02', '10', '10.0001', '-1', '1e308'])
  if (named.name === 'SafeInt')
    return choose.pick(['0', '1', '9007199254740991', '9007199254740992', '-9007199254740991'])
  if (name === 'after' || name === 'before')
    return quote(choose.chance(0.5) && world.cursors.length > 0 ? choose.pick(world.cursors) : makeText(choose))
  return quote(makeText(choose))
}

/** Takes something out, says it twice, or puts something in. */
export function damage(choose: Chooser, text: string): string {
  let damaged = text
  for (let left = choose.whole(1, 3); left > 0; left--) {
    const at = choose.whole(0, damaged.length)
    const to = Math.min(damaged.length, at + choose.whole(1, 10))
    damaged = choose.oneOf([
      [2, () => damaged.slice(0, at) + damaged.slice(to)],
      [2, () => damaged.slice(0, to) + damaged.slice(at)],
      [1, () => damaged.slice(0, at)],
      [3, () => damaged.slice(0, at) + choose.pick(INSERTS) + damaged.slice(at)],
      [1, () => choose.pick(['\ufeff', '#', '"""', 'query A { __typename } ']) + damaged],
    ])
  }
  return damaged
}

const INSERTS = [
  '{',
  '}',
  '(',
  ')',
  '"',
  '"""',
  '$',
  '@',
  '...',
  '\u0000',
  '\ufeff',
  '\ud800',
  '#',
  '&',
  '\\u{110000}',
  '\\uD800',
  '1e',
  '::',
  '\r',
]

const jobVariables = 'query($id: ID!, $ids: [ID!]!, $filter: JobFilter, $first: Int, $after: String)'
const WITH_VARIABLES: Operation[] = [
  {
    query: `${jobVariables} { job(id: $id) { id } nodes(ids: $ids) { id } jobs(filter: $filter, first: $first, after: $after) { totalCount } }`,
    variables: ['id', 'ids', 'filter', 'first', 'after'],
  },
  {
    query:
      'query($id: ID!) { node(id: $id) { id ... on Job { updates(last: 5) { edges { node { logs { message } } } } } } }',
    variables: ['id'],
  },
  {
    query:
      'mutation($input: GenerateVideoInput!) { generateVideo(input: $input) { __typename ... on InvalidInputError { issues { path code message } } } }',
    variables: ['input'],
  },
  {
    query:
      'mutation($id: ID!, $key: String) { retryJob(id: $id, idempotencyKey: $key) { __typename ... on UserError { message } } }',
    variables: ['id', 'key'],
  },
  { query: 'mutation($id: ID!) { cancelJob(id: $id) { __typename } }', variables: ['id'] },
  {
    query: 'mutation($file: File!) { uploadImage(file: $file) { __typename ... on UserError { message } } }',
    variables: ['file'],
  },
  {
    query: 'subscription($id: ID!, $after: String) { jobProgress(id: $id, after: $after) { sequence status } }',
    variables: ['id', 'after'],
  },
]

/** Documents that grow with a number. */
const SHAPES: ((size: number) => string)[] = [
  (size) => '{a'.repeat(size),
  (size) => `{ node(id: ${'['.repeat(size)}${']'.repeat(size)}) { id } }`,
  (size) =>
    `{ jobs { ${'edges { node { retryOf { '.repeat(Math.min(size, 3000))}id${' } } }'.repeat(Math.min(size, 3000))} } }`,
  (size) => `{ ${Array.from({ length: size }, (_, n) => `a${n}: __typename`).join(' ')} }`,
  (size) => `{ ${Array.from({ length: size }, (_, n) => `a${n}: jobs { totalCount }`).join(' ')} }`,
  (size) => `{ ${'__typename '.repeat(size)}}`,
  (size) => `{ __typename ${'@include(if: true) '.repeat(size)}}`,
  (size) => `{ __typename ${'@a'.repeat(size)} }`,
  (size) =>
    `mutation { ${Array.from({ length: size }, (_, n) => `a${n}: cancelJob(id: "x") { __typename }`).join(' ')} }`,
  (size) =>
    `{ ...F0 } ${Array.from({ length: size }, (_, n) => `fragment F${n} on Query { ...F${n + 1} ...F${n + 1} }`).join(' ')} fragment F${size} on Query { __typename }`,
  (size) =>
    `{ ...F0 } ${Array.from({ length: size }, (_, n) => `fragment F${n} on Query { ...F${(n + 1) % size} }`).join(' ')}`,
  (size) => `{ ${'... on Query { '.repeat(size)}__typename${' }'.repeat(size)} }`,
  (size) => `query(${Array.from({ length: size }, (_, n) => `$v${n}: Int = ${n}`).join(' ')}) { __typename }`,
  (size) => `query($id: ID = ${'{a:'.repeat(size)}1${'}'.repeat(size)}) { job(id: $id) { id } }`,
  (size) => `{ job(id: """${'x'.repeat(size)}""") { id } }`,
  (size) => `{ jobs(first: ${'9'.repeat(size)}) { totalCount } }`,
  (size) => `#${'x'.repeat(size)}\n{ __typename }`,
  (size) => `{ __typename${','.repeat(size)} }`,
  (size) =>
    `{ __schema { types { ${'fields { type { '.repeat(Math.min(size, 3000))}name${' } }'.repeat(Math.min(size, 3000))} } } }`,
  (size) => `${Array.from({ length: size }, (_, n) => `query Q${n} { __typename }`).join(' ')}`,
  (size) => `{ nodes(ids: [${`"${makeUuidOf(size)}" `.repeat(size)}]) { id } }`,
  (size) =>
    `{ jobs(first: 100) { edges { node { updates(first: 100) { edges { node { job { updates(first: ${size}) { edges { node { sequence } } } } } } } } } } }`,
  (size) => `query ${'A'.repeat(size)} { __typename }`,
  (size) => `{ "${'\\u0000'.repeat(size)}" }`,
]

const makeUuidOf = (seed: number): string => `00000000-0000-4000-8000-${String(seed).padStart(12, '0')}`
