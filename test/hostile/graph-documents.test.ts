import { getIntrospectionQuery } from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openRig, type Rig } from '../api/rig.ts'
import { measureCpuMs } from '../helpers/cpu.ts'
import { BODY_TRANSPORTS, TRANSPORTS } from './graph-transports.ts'

/** Less than 50 are used by the slowest; the first requests of a process use more. */
const MAX_CPU_MS = 1000

let rig: Rig

beforeAll(async () => {
  rig = await openRig({ fal: 'unavailable', config: { production: true, introspection: true } })
})

afterAll(async () => {
  await rig.close()
})

const repeat = (count: number, write: (index: number) => string) => Array.from({ length: count }, (_, i) => write(i))
const RETRY = 'retryJob(id: "a") { __typename }'
const CANCEL = 'cancelJob(id: "a") { __typename }'
const GENERATE = 'generateVideo(input: { imageUrl: "no" }) { __typename }'

/** Without mutations, which GET does not take. */
const REFUSED: [string, string, string][] = [
  ['15,001 characters', `{ __typename } #${'a'.repeat(14_985)}`, 'DOCUMENT_TOO_LONG'],
  ['31 aliases of __typename', `{ ${repeat(31, (i) => `a${i}: __typename`).join(' ')} }`, 'QUERY_TOO_COMPLEX'],
  [
    '31 aliases in fragments',
    `{ ...F } fragment F on Query { ${repeat(31, (i) => `a${i}: __typename`).join(' ')} }`,
    'QUERY_TOO_COMPLEX',
  ],
  ['51 directives', `{ ${'__typename @skip(if: false) '.repeat(51)} }`, 'QUERY_TOO_COMPLEX'],
  ['6 directives in one place', `{ __typename ${'@a '.repeat(6)} }`, 'QUERY_TOO_COMPLEX'],
  ['a name of 101 characters', `{ ${'a'.repeat(101)}: __typename }`, 'QUERY_TOO_COMPLEX'],
  ['an alias of __schema', '{ a: __schema { queryType { name } } }', 'QUERY_TOO_COMPLEX'],
  ['an alias within __schema', '{ __schema { types { a: name } } }', 'QUERY_TOO_COMPLEX'],
  [
    'an alias in a fragment of __schema',
    '{ __schema { types { ...F } } } fragment F on __Type { a: name }',
    'QUERY_TOO_COMPLEX',
  ],
]

const REFUSED_MUTATIONS: [string, string][] = [
  ['two retryJob', `mutation { ${RETRY} b: ${RETRY} }`],
  ['two generateVideo', `mutation { ${GENERATE} b: ${GENERATE} }`],
  ['two generateVideo, one in a fragment', `mutation { ...F b: ${GENERATE} } fragment F on Mutation { ${GENERATE} }`],
  ['two retryJob, one in an inline fragment', `mutation { ${RETRY} ... { ... { b: ${RETRY} } } }`],
  [
    'two uploadImage',
    'mutation($file: File!) { a: uploadImage(file: $file) { __typename } b: uploadImage(file: $file) { __typename } }',
  ],
  ['six cancelJob', `mutation { ${repeat(6, (i) => `a${i}: ${CANCEL}`).join(' ')} }`],
  ['two retryJob in an operation that is not run', `mutation A { ${CANCEL} } mutation B { a: ${RETRY} b: ${RETRY} }`],
]

describe.each(Object.entries(TRANSPORTS))('over %s a document is refused before it runs:', (_name, send) => {
  test.each(REFUSED)('%s', async (_what, query, code) => {
    const { errors, data } = await send(rig.url, { query })
    expect({ data, errors }).toMatchObject({ data: undefined, errors: [{ extensions: { code } }] })
  })
})

describe.each(Object.entries(BODY_TRANSPORTS))('over %s a mutation is refused:', (_, send) => {
  test.each(REFUSED_MUTATIONS)('%s', async (_what, query) => {
    const { errors, data } = await send(rig.url, { query, variables: { file: null } })
    expect({ data, errors }).toMatchObject({
      data: undefined,
      errors: [{ extensions: { code: expect.stringMatching(/QUERY_TOO_COMPLEX|OPERATION_RESOLUTION_FAILURE/) } }],
    })
  })
})

describe.each(Object.entries(TRANSPORTS))('over %s a document is accepted:', (_name, send) => {
  test.each([
    ['15,000 characters', `{ __typename } #${'a'.repeat(14_984)}`],
    ['30 aliases', `{ ${repeat(30, (i) => `a${i}: __typename`).join(' ')} }`],
    ['50 directives', `{ ${repeat(50, () => '__typename @skip(if: false)').join(' ')} }`],
    ['a name of 100 characters', `{ ${'a'.repeat(100)}: __typename }`],
    ['introspection', getIntrospectionQuery()],
    [
      'introspection of all there is to know',
      getIntrospectionQuery({
        specifiedByUrl: true,
        directiveIsRepeatable: true,
        schemaDescription: true,
        inputValueDeprecation: true,
        experimentalDirectiveDeprecation: true,
        oneOf: true,
      }),
    ],
  ])('%s', async (_what, query) => {
    const { errors, data } = await send(rig.url, { query })
    expect({ errors, data }).toEqual({ errors: [], data: expect.anything() })
  })
})

test.each(Object.entries(BODY_TRANSPORTS))(
  'over %s five mutations are taken, one of each kind that costs',
  async (_, send) => {
    const query = `mutation { ${CANCEL} b: ${CANCEL} c: ${CANCEL} ${RETRY} ...F } fragment F on Mutation { ${GENERATE} }`
    const { errors, data } = await send(rig.url, { query })
    expect(errors).toEqual([])
    expect(Object.keys(data as object)).toHaveLength(5)
  },
)

/** Each is written to make the parser, the validation or the errors as slow as they can be in 15,000 characters. */
const SLOW: [string, string][] = [
  ['one field 990 times', `{ ${'jobs '.repeat(990)} }`],
  ['a field nested 400 deep', `{${'a{'.repeat(400)}a${'}'.repeat(400)}}`],
  ['lists nested 7,000 deep', `{ a(b: ${'['.repeat(7000)}`],
  ['inline fragments nested 240 deep', `{ ${'...{'.repeat(240)} a a ${'}'.repeat(240)} }`],
  ['one selection 60 times', `{ ${'job(id: 1) { retryOf { id status cursor } } '.repeat(60)} }`],
  [
    'selections nested 35 deep, 8 times',
    `{ ${`job(id: 1) ${'{ retryOf '.repeat(35)} { id } ${'} '.repeat(35)}`.repeat(8)} }`,
  ],
  ['fragments that double 90 times', fan(90, (i) => `...F${i + 1} ...F${i + 1}`, 'Query', '__typename', '')],
  [
    'fragments that double and nest',
    fan(55, (i) => `id retryOf { ...F${i + 1} ...F${i + 1} }`, 'Job', 'id', 'job(id: 1)'),
  ],
  [
    'fragments in a circle',
    `{ ...F0 } ${repeat(100, (i) => `fragment F${i} on Query { ...F${(i + 1) % 100} }`).join(' ')}`,
  ],
  [
    '300 unknown fields of an input',
    `mutation { generateVideo(input: { ${repeat(300, (i) => `k${i}: 1`).join(' ')} }) { __typename } }`,
  ],
  ['990 unknown fields after 9,000 lines', `{ ${'\n'.repeat(9000)} ${repeat(990, (i) => `f${i}`).join(' ')} }`],
  [
    '400 unknown enum values',
    `{ jobs(filter: { status: [${repeat(400, (i) => `RUNNIN${i}`).join(' ')}] }) { totalCount } }`,
  ],
  ['a number of 14,000 digits', `{ jobs(first: ${'9'.repeat(14_000)}) { totalCount } }`],
  ['a text of 14,000 characters where a number belongs', `{ jobs(first: "${'x'.repeat(14_000)}") { totalCount } }`],
  ['a name of 14,000 characters', `{ ${'a'.repeat(14_000)} }`],
  ['a block of 7,000 lines', `{ jobs(first: """${'\n "'.repeat(4000)}""") { totalCount } }`],
  ['a thing that is no GraphQL', `{ "${'x'.repeat(14_000)}" }`],
]

function fan(count: number, write: (index: number) => string, type: string, leaf: string, field: string): string {
  const fragments = repeat(count, (i) => `fragment F${i} on ${type} { ${write(i)} }`).join(' ')
  return `{ ${field ? `${field} { ...F0 }` : '...F0'} } ${fragments} fragment F${count} on ${type} { ${leaf} }`
}

// The others differ from POST in how the operation is read and the answer written.
const { POST, WebSocket } = TRANSPORTS
describe.each(Object.entries({ POST, WebSocket }))(
  'over %s a document is answered shortly and soon:',
  (_name, send) => {
    test.each(SLOW)('%s', async (_what, query) => {
      const { result, cpuMs } = await measureCpuMs(() => send(rig.url, { query }))
      const { text, errors } = result
      expect(cpuMs).toBeLessThan(MAX_CPU_MS)
      expect(errors.length).toBeLessThanOrEqual(10)
      for (const { message, locations = [] } of errors) {
        expect(message.length).toBeLessThanOrEqual(500)
        expect(message).not.toBe('Unexpected error.')
        expect(locations.length).toBeLessThanOrEqual(10)
      }
      expect(text.length).toBeLessThan(10_000)
    })
  },
)

test('many errors of an execution are ten', async () => {
  const aliases = repeat(30, (i) => `${'a'.repeat(98)}${i}: node(id: "x") { id }`).join(' ')
  for (const send of Object.values(TRANSPORTS)) {
    const { errors, text } = await send(rig.url, { query: `{ ${aliases} }` })
    expect(errors).toHaveLength(10)
    expect(text.length).toBeLessThan(10_000)
  }
})

describe('in production nothing suggests what the schema has:', () => {
  const QUERIES: [string, string, Record<string, unknown>?][] = [
    ['a field', '{ jobz { totalCount } }'],
    ['a field of another type', '{ node(id: 1) { status } }'],
    ['an argument', '{ job(idd: 1) { id } }'],
    ['an argument of a directive', '{ __typename @skip(iff: true) }'],
    ['a type', 'query($f: JobFilte) { __typename }'],
    ['a selection', '{ job(id: 1) }'],
    ['an enum value', '{ jobs(filter: { status: RUNING }) { totalCount } }'],
    ['a field of an input', '{ jobs(filter: { statu: RUNNING }) { totalCount } }'],
    [
      'an enum value of the variables',
      'query($f: JobFilter) { jobs(filter: $f) { totalCount } }',
      { f: { status: 'RUNING' } },
    ],
    ['a field of the variables', 'query($f: JobFilter) { jobs(filter: $f) { totalCount } }', { f: { statu: [] } }],
  ]

  test.each(QUERIES)('%s', async (_what, query, variables = {}) => {
    for (const send of Object.values(TRANSPORTS)) {
      const { text, errors } = await send(rig.url, { query, variables })
      expect(errors.length).toBeGreaterThan(0)
      expect(text).not.toMatch(/did you mean/i)
    }
  })
})

test('outside production a suggestion helps', async () => {
  const open = await openRig({ fal: 'unavailable' })
  try {
    expect((await POST(open.url, { query: '{ jobz { totalCount } }' })).text).toContain('Did you mean')
  } finally {
    await open.close()
  }
})
