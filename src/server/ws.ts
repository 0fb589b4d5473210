import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import {
  type ExecutionArgs,
  type FormattedExecutionResult,
  GraphQLError,
  type GraphQLFormattedError,
  getOperationAST,
  OperationTypeNode,
} from 'graphql'
import { handleProtocols, makeServer } from 'graphql-ws'
import { WebSocketServer } from 'ws'
import type { FindOriginProblem } from './allowed-origins.ts'
import type { OnError } from './errors.ts'
import type { GraphQLServer } from './graphql.ts'
import { checkParams } from './graphql-params.ts'
import type { MemoryBudget } from './memory-budget.ts'
import { refuse } from './refusal.ts'
import { MAX_SUBSCRIPTION_BYTES, subscriptionTooLarge } from './request-parser.ts'
import type { FindHostProblem } from './trusted-hosts.ts'
import {
  type InProgress,
  ignoreAfterError,
  keepAlive,
  limitIncomplete,
  openTransport,
  SOCKET_LIMITS,
} from './ws-transport.ts'

/** The close code for "service restart": reconnect. @see https://www.iana.org/assignments/websocket (1012) */
const SERVICE_RESTART = 1012

/** Most operations of a socket in progress. */
const MAX_OPERATIONS = 100

/** Total length of the messages of operations in progress, in characters: each is kept until its operation ends. */
const MAX_OPERATIONS_LENGTH = 1024 * 1024

/** Yoga's executors, passed from `onSubscribe` to `execute` and `subscribe`. */
type Enveloped = Pick<ReturnType<GraphQLServer['getEnveloped']>, 'execute' | 'subscribe'>

interface GraphQLSocketsOptions {
  graphql: GraphQLServer
  findOriginProblem: FindOriginProblem
  findHostProblem: FindHostProblem
  memory: MemoryBudget
  onError: OnError
}

/**
 * Serves the graphql-transport-ws protocol on the server's own port. Returns its stop, which closes all sockets with a
 * code that makes clients reconnect, here or to another instance.
 */
export function serveGraphQLSockets(
  server: Server,
  { graphql, findOriginProblem, findHostProblem, memory, onError }: GraphQLSocketsOptions,
): () => Promise<void> {
  const sockets = new WebSocketServer({
    ...SOCKET_LIMITS,
    noServer: true,
    handleProtocols: (protocols) => handleProtocols(protocols),
  })

  const protocol = makeServer<Record<string, unknown>, InProgress>({
    execute: (args) => (args.rootValue as Enveloped).execute(args),
    subscribe: (args) => (args.rootValue as Enveloped).subscribe(args),
    onSubscribe: async (socket, id, payload): Promise<ExecutionArgs | readonly GraphQLError[]> => {
      const isLong = socket.extra.newest > MAX_SUBSCRIPTION_BYTES
      if (isFull(socket.extra, Object.keys(socket.subscriptions).length)) return [tooManyOperations()]
      const { schema, execute, subscribe, contextFactory, parse, validate } = graphql.getEnveloped({
        // Not the GET that opened the socket: Yoga refuses mutations by GET.
        request: { method: 'POST' },
        params: payload,
      })
      try {
        checkParams(payload)
        const document = parse(payload.query)
        const errors = validate(schema, document)
        if (errors.length > 0) return errors
        const operation = getOperationAST(document, payload.operationName)
        if (isLong && operation?.operation === OperationTypeNode.SUBSCRIPTION) return [subscriptionTooLarge()]
        const contextValue = await contextFactory()
        // The operation was completed or the socket closed meanwhile: it does not start, and the error is not sent.
        if (!(id in socket.subscriptions)) return [new GraphQLError('The operation was completed before it started.')]
        return {
          schema,
          document,
          operationName: payload.operationName ?? null,
          variableValues: payload.variables ?? null,
          contextValue,
          rootValue: { execute, subscribe } satisfies Enveloped,
        }
      } catch (error) {
        // Returned as the operation's error: thrown, it would close the socket and end all its operations.
        if (error instanceof GraphQLError) return [error]
        throw error
      }
    },
    onError: (_context, _id, _payload, errors) => errors.map(toWireError),
    onNext: (_context, _id, _payload, _args, result) =>
      result.errors && ({ ...result, errors: result.errors.map(toWireError) } as FormattedExecutionResult),
  })
  sockets.on('connection', (webSocket) => {
    const { transport, inProgress } = openTransport(webSocket, { memory, onError })
    const closed = protocol.opened(transport, inProgress)
    webSocket.once('close', (code, reason) => {
      closed(code, String(reason)).catch((error: unknown) => onError(error, { stage: 'websocket' }))
    })
  })
  const stopKeepAlive = keepAlive(sockets)

  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (request.url?.split('?')[0] !== '/graphql') {
      const message = 'No WebSocket is served at this path: use /graphql.'
      return refuse(socket, { status: 404, code: 'NOT_FOUND', message })
    }
    // Browsers allow any page to open a socket to any host: the server has to check the origin.
    const problem = findHostProblem(request) ?? findOriginProblem(request.headers)
    if (problem) return refuse(socket, problem)
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      ignoreAfterError(webSocket)
      limitIncomplete(webSocket, socket, memory)
      sockets.emit('connection', webSocket, request)
    })
  }
  server.on('upgrade', upgrade)

  return async () => {
    server.off('upgrade', upgrade)
    stopKeepAlive()
    for (const client of sockets.clients) client.close(SERVICE_RESTART, 'Service restart')
    await new Promise<void>((resolve) => sockets.close(() => resolve()))
  }
}

/**
 * Whether the limit of operations is exceeded. Completed operations take a moment to end, and count only once there are
 * as many of them again.
 */
function isFull({ count, length }: InProgress, subscriptions: number): boolean {
  return subscriptions > MAX_OPERATIONS || count > 2 * MAX_OPERATIONS || length > MAX_OPERATIONS_LENGTH
}

function tooManyOperations(): GraphQLError {
  const most = `${MAX_OPERATIONS} operations, or ${MAX_OPERATIONS_LENGTH} characters of them,`
  return new GraphQLError(
    `A socket may have at most ${most} in progress: wait for one to end, complete one, or open another socket.`,
    { extensions: { code: 'TOO_MANY_SUBSCRIPTIONS' } },
  )
}

/** Removes Yoga's HTTP status, which has no meaning over a WebSocket. */
function toWireError(error: GraphQLError | GraphQLFormattedError): GraphQLFormattedError {
  const { extensions, ...rest } = error instanceof GraphQLError ? error.toJSON() : error
  const { http: _status, ...kept } = extensions ?? {}
  return Object.keys(kept).length > 0 ? { ...rest, extensions: kept } : rest
}
