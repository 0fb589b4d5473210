import { GraphQLError, Kind } from 'graphql'
import { builder } from './builder.ts'

/** https://scalars.graphql.org/andimarek/date-time.html: date, time with seconds, and an offset are all needed. */
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i

builder.scalarType('DateTime', {
  description: 'RFC 3339 instant in UTC.',
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
  serialize: (date) => date.toISOString(),
  parseValue: (value) => {
    const date = new Date(typeof value === 'string' && RFC_3339.test(value) ? value : Number.NaN)
    // The year 0, and 10000 (both within reach of an offset), are none that the database knows.
    if (!(date.getUTCFullYear() >= 1 && date.getUTCFullYear() <= 9999))
      throw new GraphQLError('Expected an RFC 3339 instant, such as "2026-01-31T12:00:00Z".')
    return date
  },
})

builder.scalarType('URL', {
  description: 'Absolute URL: http, https or data.',
  specifiedByURL: 'https://url.spec.whatwg.org/',
  serialize: String,
  // What kind of URL is good enough is for the settings to say, together with all else that is wrong with them.
  parseValue: (value) => {
    if (typeof value !== 'string') throw new GraphQLError('Expected a URL as a string.')
    return value
  },
})

builder.scalarType('SafeInt', {
  description: 'Whole number within ±(2^53-1); seeds and byte counts do not fit Int.',
  serialize: Number,
  // A number out of range comes through here, so that it is told beside the other problems of an input.
  parseValue: (value) => {
    if (typeof value !== 'number') throw new GraphQLError('Expected a whole number within ±9007199254740991.')
    return value
  },
  parseLiteral: (node) => {
    if (node.kind !== Kind.INT && node.kind !== Kind.FLOAT)
      throw new GraphQLError('Expected a whole number within ±9007199254740991.')
    return Number(node.value)
  },
})

builder.scalarType('File', {
  description: 'A file of a GraphQL multipart request.',
  serialize: () => {
    throw new GraphQLError('A File can only be sent, not received.')
  },
  parseValue: (value) => {
    if (!(value instanceof Blob)) throw new GraphQLError('Expected a file of a GraphQL multipart request.')
    return value
  },
  parseLiteral: () => {
    throw new GraphQLError('A File is given as a variable of a GraphQL multipart request.')
  },
})
