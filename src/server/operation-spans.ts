import { type ExecutionArgs, type ExecutionResult, getOperationAST, Kind } from 'graphql'
import type { YogaInitialContext, Plugin as YogaPlugin } from 'graphql-yoga'
import { type SpanAttributes, withSpan, withTraceParent } from '../adapters/telemetry/trace.ts'

type OperationArguments = ExecutionArgs & { contextValue: YogaInitialContext }

/** Records each operation as a span in the trace of its request; that of a subscription ends when it has started. */
export function traceOperations(): YogaPlugin {
  function traced<T>(args: OperationArguments, run: () => T | Promise<T>): Promise<T> {
    const { name, attributes } = describe(args)
    // Over a WebSocket the request is a placeholder from ws.ts, without headers.
    const { request } = args.contextValue
    const traceParent = request instanceof Request ? request.headers.get('traceparent') : null
    return withTraceParent(traceParent, () =>
      withSpan(name, { kind: 'server', attributes }, async (span) => {
        const result = await run()
        const [error] = (result as ExecutionResult).errors ?? []
        if (error) span.fail(error.originalError ?? error)
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
function describe({ document, operationName }: ExecutionArgs): { name: string; attributes: SpanAttributes } {
  const operation = getOperationAST(document, operationName)
  if (!operation) return { name: 'operation', attributes: {} }
  const [selection, ...others] = operation.selectionSet.selections
  const isOneField = selection?.kind === Kind.FIELD && others.length === 0
  return {
    name: isOneField ? selection.name.value : operation.operation,
    attributes: { 'graphql.operation.type': operation.operation },
  }
}
