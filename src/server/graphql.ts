import { createFetch } from '@whatwg-node/fetch'
import type { GraphQLSchema } from 'graphql'
import {
  createYoga,
  handleStreamOrSingleExecutionResult,
  type Plugin as YogaPlugin,
  type YogaServerInstance,
} from 'graphql-yoga'
import { type Context, createContext, type Services } from '../context.ts'
import type { FindOriginProblem } from './allowed-origins.ts'
import { cacheDocuments } from './document-cache.ts'
import { limitDocuments } from './document-limits.ts'
import { MAX_ERRORS, type OnError, toClientError } from './errors.ts'
import { answerLongPolls } from './long-polling.ts'
import { traceOperations } from './operation-spans.ts'
import { type RequestContext, readRequests } from './request-parser.ts'
import { checkVariables } from './variables.ts'

interface GraphQLOptions {
  schema: GraphQLSchema
  services: Services
  findOriginProblem: FindOriginProblem
  introspection: boolean
  /** Omit "Did you mean …", which reveals the schema, from errors. */
  hideSuggestions: boolean
  onError: OnError
}

export type GraphQLServer = YogaServerInstance<RequestContext, Context>

/** GraphQL over HTTP, SSE subscriptions and multipart uploads. */
export function createGraphQLServer(options: GraphQLOptions): GraphQLServer {
  const { schema, services, findOriginProblem, introspection, hideSuggestions, onError } = options
  return createYoga<RequestContext, Context>({
    schema,
    context: () => createContext(services),
    graphqlEndpoint: '/graphql',
    landingPage: false,
    logging: false,
    // Without a list of origins Yoga echoes the request's origin and sets Vary. No credentials: there are no cookies.
    cors: ({ headers }) =>
      findOriginProblem({ origin: headers.get('origin'), host: headers.get('host') }) === null && {
        credentials: false,
      },
    // Node's own classes, so that an uploaded file is Node's File.
    fetchAPI: createFetch({ skipPonyfill: true }),
    // readRequests() limits bodies while reading them.
    maxRequestBodySize: false,
    multipart: false,
    maskedErrors: { maskError: (error) => toClientError(error, onError) },
    // Limited by count, Yoga's own cache could hold hundreds of megabytes of strangers' documents.
    parserAndValidationCache: false,
    plugins: [
      readRequests(),
      limitDocuments({ introspection, hideSuggestions }),
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

/** Runs before the masking, which logs each unexpected error. */
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

/** nginx and compatible proxies do not buffer a response with this header; compressing it would buffer it too. */
function unbufferStreams(): YogaPlugin {
  return {
    onResponse: ({ response }) => {
      if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return
      response.headers.set('x-accel-buffering', 'no')
      response.headers.set('cache-control', 'no-cache, no-transform')
    },
  }
}
