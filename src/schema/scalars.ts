import { GraphQLError, Kind } from 'graphql'
import { builder } from './builder.ts'

/** https://scalars.graphql.org/andimarek/date-time.html: date, time with seconds, and an offset are all needed. */
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i

builder.scalarType('DateTime', {
  description: 'An instant in UTC, in RFC 3339 format.',
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
  serialize: (date) => date.toISOString(),
  parseValue: (value) => {
    const date = new Date(typeof value === 'string' && RFC_3339.test(value) ? value : Number.NaN)
    // With an offset, an instant can be in the year 0 or 10000, which the database cannot store.
    if (!(date.getUTCFullYear() >= 1 && date.getUTCFullYear() <= 9999))
      throw new GraphQLError('Expected an RFC 3339 instant, such as "2026-01-31T12:00:00Z".')
    return date
  },
})

builder.scalarType('URL', {
  description: 'An absolute URL with the scheme http, https or data.',
  specifiedByURL: 'https://url.spec.whatwg.org/',
  serialize: String,
  // The settings check the URL itself, to report it together with the other issues of an input.
  parseValue: (value) => {
    if (typeof value !== 'string') throw new GraphQLError('Expected a URL as a string.')
    return value
  },
})

builder.scalarType('SafeInt', {
  description: 'An integer within ±(2^53-1), for seeds and byte counts, which can exceed Int.',
  serialize: Number,
  // Numbers out of range are accepted here, so that they are reported together with the other issues of an input.
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
  description: 'A file in a GraphQL multipart request.',
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
