import { type DocumentNode, GraphQLError, getOperationAST, Kind } from 'graphql'
import type { Plugin as YogaPlugin } from 'graphql-yoga'
import { type OpenSpan, type SpanAttributes, withSpan, withTraceParent } from '../adapters/telemetry/trace.ts'

/** The used part of the execution arguments; Yoga adds the request to the context. */
interface OperationArguments {
  document: DocumentNode
  operationName?: string | null | undefined
  contextValue?: unknown
}

/**
 * Records a span for each operation, within the trace of the request's `traceparent` header. The span of a subscription
 * ends when the subscription has started.
 */
export function traceOperations(): YogaPlugin {
  function traced<T>(args: OperationArguments, run: () => T | Promise<T>): Promise<T> {
    const { name, attributes } = describe(args)
    return withTraceParent(readTraceParent(args.contextValue), () =>
      withSpan(name, { kind: 'server', attributes }, async (span) => {
        const result = await run()
        failByErrors(span, result)
        return result
      }),
    )
  }

  return {
    onExecute: ({ args, executeFn, setExecuteFn }) => {
      setExecuteFn((given) => traced(args, () => executeFn(given)))
    },
    onSubscribe: ({ args, subscribeFn, setSubscribeFn }) => {
      setSubscribeFn((given) => traced(args, () => subscribeFn(given)))
    },
  }
}

/** Named after the only root field: the number of operation names is up to callers, and unbounded. */
function describe({ document, operationName }: OperationArguments): { name: string; attributes: SpanAttributes } {
  const operation = getOperationAST(document, operationName)
  if (!operation) return { name: 'operation', attributes: {} }
  const [selection, ...others] = operation.selectionSet.selections
  const isOneField = selection?.kind === Kind.FIELD && others.length === 0
  return {
    name: isOneField ? selection.name.value : operation.operation,
    attributes: { 'graphql.operation.type': operation.operation },
  }
}

function readTraceParent(contextValue: unknown): string | null {
  if (typeof contextValue !== 'object' || contextValue === null || !('request' in contextValue)) return null
  const { request } = contextValue
  return request instanceof Request ? request.headers.get('traceparent') : null
}

function failByErrors(span: OpenSpan, result: unknown): void {
  if (typeof result !== 'object' || result === null || !('errors' in result) || !Array.isArray(result.errors)) return
  const [error] = result.errors
  if (error === undefined) return
  span.fail(error instanceof GraphQLError ? (error.originalError ?? error) : error)
}
