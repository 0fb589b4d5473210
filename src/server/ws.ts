import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ExecutionArgs, type FormattedExecutionResult, GraphQLError, type GraphQLFormattedError } from 'graphql'
import { handleProtocols } from 'graphql-ws'
import { useServer } from 'graphql-ws/use/ws'
import { WebSocketServer } from 'ws'
import { refuse } from './connections.ts'
import type { GraphQLServer } from './graphql.ts'
import type { FindHostProblem } from './hosts.ts'
import type { AllowsOrigin } from './origins.ts'

/** Largest message taken, in bytes. Pictures do not go over the socket: upload them, or give a URL. */
const MAX_MESSAGE_BYTES = 256 * 1024

/** A client that does not answer a close is cut off after this, in milliseconds: a drain does not wait for the deaf. */
const CLOSE_MS = 2_000

/** The close code for "come back": the server restarts. @see https://www.iana.org/assignments/websocket (1012) */
const SERVICE_RESTART = 1012

/** The graphql-transport-ws protocol on the server's own port. */
export interface GraphQLSockets {
  /** Tells every client to come back elsewhere or later, and closes. */
  stop(): Promise<void>
}

/** The executors that Yoga made, carried from `onSubscribe` to `execute` and `subscribe`. */
type Enveloped = Pick<ReturnType<GraphQLServer['getEnveloped']>, 'execute' | 'subscribe'>

export interface GraphQLSocketsOptions {
  graphql: GraphQLServer
  /** Where sockets are opened. */
  path: string
  allowsOrigin: AllowsOrigin
  findHostProblem: FindHostProblem
}

export function serveGraphQLSockets(
  server: Server,
  { graphql, path, allowsOrigin, findHostProblem }: GraphQLSocketsOptions,
): GraphQLSockets {
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    handleProtocols: (protocols) => handleProtocols(protocols),
  })

  const protocol = useServer(
    {
      execute: (args) => (args.rootValue as Enveloped).execute(args),
      subscribe: (args) => (args.rootValue as Enveloped).subscribe(args),
      onSubscribe: async (_context, _id, payload): Promise<ExecutionArgs | readonly GraphQLError[]> => {
        const { schema, execute, subscribe, contextFactory, parse, validate } = graphql.getEnveloped({
          // The GET that opened the socket is not the operation's: Yoga refuses mutations by GET.
          request: { method: 'POST' },
          params: payload,
        })
        try {
          const document = parse(payload.query)
          const errors = validate(schema, document)
          if (errors.length > 0) return errors
          return {
            schema,
            document,
            operationName: payload.operationName ?? null,
            variableValues: payload.variables ?? null,
            contextValue: await contextFactory(),
            rootValue: { execute, subscribe } satisfies Enveloped,
          }
        } catch (error) {
          // A document that cannot be parsed is answered; thrown, it would close the socket for all its operations.
          if (error instanceof GraphQLError) return [error]
          throw error
        }
      },
      onError: (_context, _id, _payload, errors) => errors.map(toWireError),
      onNext: (_context, _id, _payload, _args, result) =>
        result.errors && ({ ...result, errors: result.errors.map(toWireError) } as FormattedExecutionResult),
    },
    sockets,
  )

  function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (request.url?.split('?')[0] !== path) {
      refuse(socket, '404 Not Found')
      return
    }
    const hostProblem = findHostProblem(request)
    if (hostProblem) {
      refuse(socket, hostProblem.statusText)
      return
    }
    // Browsers let any page open a socket to anywhere, and leave it to the server to look whose it is.
    const { origin, host } = request.headers
    if (!allowsOrigin({ origin, host })) {
      refuse(socket, '403 Forbidden')
      return
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => sockets.emit('connection', webSocket, request))
  }
  server.on('upgrade', upgrade)

  return {
    stop: async () => {
      server.off('upgrade', upgrade)
      for (const client of sockets.clients) client.close(SERVICE_RESTART, 'Service restart')
      const cut = setTimeout(() => {
        for (const client of sockets.clients) client.terminate()
      }, CLOSE_MS)
      await protocol.dispose()
      clearTimeout(cut)
    },
  }
}

/** What Yoga notes for HTTP answers (a status) means nothing here. */
function toWireError(error: GraphQLError | GraphQLFormattedError): GraphQLFormattedError {
  const { extensions, ...rest } = error instanceof GraphQLError ? error.toJSON() : error
  const { http: _status, ...kept } = extensions ?? {}
  return Object.keys(kept).length > 0 ? { ...rest, extensions: kept } : rest
}
