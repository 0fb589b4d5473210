import { createFetch } from '@whatwg-node/fetch'
import { type GraphQLSchema, NoSchemaIntrospectionCustomRule } from 'graphql'
import {
  createYoga,
  handleStreamOrSingleExecutionResult,
  type Plugin as YogaPlugin,
  type YogaServerInstance,
} from 'graphql-yoga'
import { type Context, createContext, type Services } from '../context.ts'
import type { AllowsOrigin } from './allowed-origins.ts'
import { cacheDocuments } from './document-cache.ts'
import { limitDocuments } from './document-limits.ts'
import { type ErrorDeps, MAX_ERRORS, toClientError } from './errors.ts'
import { answerLongPolls } from './long-polling.ts'
import { traceOperations } from './operation-spans.ts'
import { type RequestContext, readRequests } from './request-parser.ts'
import { checkVariables } from './variables.ts'

export interface GraphQLOptions extends ErrorDeps {
  schema: GraphQLSchema
  services: Services
  allowsOrigin: AllowsOrigin
  introspection: boolean
  /** True where callers should not learn the schema from its errors. */
  hideSuggestions: boolean
}

export type GraphQLServer = YogaServerInstance<RequestContext, Context>

/** GraphQL over HTTP, SSE subscriptions and multipart uploads. */
export function createGraphQLServer({
  schema,
  services,
  allowsOrigin,
  introspection,
  hideSuggestions,
  onError,
}: GraphQLOptions): GraphQLServer {
  return createYoga<RequestContext, Context>({
    schema,
    context: () => createContext(services),
    graphqlEndpoint: '/graphql',
    landingPage: false,
    logging: false,
    // Without names Yoga writes back the request's own origin, and tells caches so. No cookies: there are none.
    cors: ({ headers }) => allowsOrigin(readOrigin(headers)) && { credentials: false },
    // Node's own classes, so that an uploaded file is the File that the rest of Node knows.
    fetchAPI: createFetch({ skipPonyfill: true }),
    // Limited while they are read, by readRequests().
    maxRequestBodySize: false,
    multipart: false,
    maskedErrors: { maskError: (error) => toClientError(error, { onError }) },
    // Counted in documents, Yoga's own cache would hold hundreds of megabytes of what strangers wrote.
    parserAndValidationCache: false,
    plugins: [
      readRequests(),
      ...(introspection ? [] : [withoutIntrospection()]),
      limitDocuments({ hideSuggestions }),
      cacheDocuments(),
      checkVariables({ hideSuggestions }),
      traceOperations(),
      limitErrors(),
      answerLongPolls(),
      unbufferStreams(),
    ],
    graphiql: false,
  })
}

function readOrigin(headers: Headers): Parameters<AllowsOrigin>[0] {
  return { origin: headers.get('origin') ?? undefined, host: headers.get('host') ?? undefined }
}

/** Before they are masked, which writes a line of the log for each that nobody expected. */
function limitErrors(): YogaPlugin {
  const limit: Parameters<typeof handleStreamOrSingleExecutionResult>[1] = ({ result, setResult }) => {
    if (result.errors && result.errors.length > MAX_ERRORS)
      setResult({ ...result, errors: result.errors.slice(0, MAX_ERRORS) })
  }
  return {
    onExecute: () => ({ onExecuteDone: (payload) => handleStreamOrSingleExecutionResult(payload, limit) }),
    onSubscribe: () => ({ onSubscribeResult: (payload) => handleStreamOrSingleExecutionResult(payload, limit) }),
  }
}

/** nginx, and proxies that learned from it, pass on a stream with this header as it comes; compressing it would hold it back too. */
function unbufferStreams(): YogaPlugin {
  return {
    onResponse: ({ response }) => {
      if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return
      response.headers.set('x-accel-buffering', 'no')
      response.headers.set('cache-control', 'no-cache, no-transform')
    },
  }
}

function withoutIntrospection(): YogaPlugin {
  return {
    onValidate: ({ addValidationRule }) => addValidationRule(NoSchemaIntrospectionCustomRule),
  }
}
