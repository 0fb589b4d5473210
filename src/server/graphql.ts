import { renderGraphiQL } from '@graphql-yoga/render-graphiql'
import { type GraphQLSchema, NoSchemaIntrospectionCustomRule } from 'graphql'
import { createYoga, type Plugin, type YogaServerInstance } from 'graphql-yoga'
import { type Context, createContext, type Services } from '../context.ts'
import { type OnError, toClientError } from './errors.ts'
import { GRAPHIQL_TABS } from './graphiql-tabs.ts'

export interface GraphQLOptions {
  schema: GraphQLSchema
  services: Services
  graphiql: boolean
  introspection: boolean
  onError: OnError
}

export type GraphQLServer = YogaServerInstance<object, Context>

/** GraphQL over HTTP, SSE subscriptions, multipart uploads, and GraphiQL for browsers. */
export function createGraphQLServer({
  schema,
  services,
  graphiql,
  introspection,
  onError,
}: GraphQLOptions): GraphQLServer {
  return createYoga<object, Context>({
    schema,
    context: () => createContext(services),
    graphqlEndpoint: '/graphql',
    landingPage: false,
    logging: false,
    // Node's own fetch classes, so that an uploaded file is the File that the rest of Node knows.
    fetchAPI: globalThis,
    maskedErrors: { maskError: (error) => toClientError(error, onError) },
    plugins: introspection ? [] : [withoutIntrospection()],
    renderGraphiQL,
    graphiql: graphiql && { title: 'Reelay', subscriptionsProtocol: 'WS', defaultTabs: GRAPHIQL_TABS },
  })
}

function withoutIntrospection(): Plugin {
  return {
    onValidate: ({ addValidationRule }) => addValidationRule(NoSchemaIntrospectionCustomRule),
  }
}
