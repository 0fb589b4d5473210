/** A span as a collector receives it. Ids are hexadecimal; `parentId` is empty for a root span. */
export interface SentSpan {
  traceId: string
  id: string
  parentId: string
  name: string
  service: string
  /** Strings and integers. */
  attributes: Record<string, string | number>
  /** The status' message; null unless it is an error. */
  error: string | null
}

/**
 * Reads the body of a POST to /v1/traces.
 * @see https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto
 */
export function readSpans(body: Buffer): SentSpan[] {
  return readFields(body)
    .all(1)
    .flatMap((resourceSpans) => {
      const resource = readFields(readFields(resourceSpans).all(1)[0] ?? Buffer.alloc(0))
      const service = String(readAttributes(resource.all(1))['service.name'])
      const scopes = readFields(resourceSpans).all(2)
      return scopes.flatMap((scope) => readFields(scope).all(2)).map((span) => ({ ...readSpan(span), service }))
    })
}

const ERROR = 2

function readSpan(bytes: Buffer): Omit<SentSpan, 'service'> {
  const span = readFields(bytes)
  const hex = (field: number) => span.all(field)[0]?.toString('hex') ?? ''
  const status = readFields(span.all(15)[0] ?? Buffer.alloc(0))
  return {
    traceId: hex(1),
    id: hex(2),
    parentId: hex(4),
    name: span.all(5)[0]?.toString() ?? '',
    attributes: readAttributes(span.all(9)),
    error: status.number(3) === ERROR ? (status.all(2)[0]?.toString() ?? '') : null,
  }
}

function readAttributes(pairs: Buffer[]): SentSpan['attributes'] {
  const entries = pairs.map((pair) => {
    const [key, value] = [readFields(pair).all(1)[0], readFields(readFields(pair).all(2)[0] ?? Buffer.alloc(0))]
    return [String(key), value.all(1)[0]?.toString() ?? value.number(3) ?? ''] as const
  })
  return Object.fromEntries(entries)
}

/** The fields of a protobuf message. @see https://protobuf.dev/programming-guides/encoding */
function readFields(bytes: Buffer) {
  const parts: { field: number; value: Buffer | number }[] = []
  let at = 0
  function readVarint(): number {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes.readUInt8(at++)
      value += (byte & 127) * factor
      if (byte < 128) return value
    }
  }
  function readBytes(length: number): Buffer {
    at += length
    return bytes.subarray(at - length, at)
  }
  while (at < bytes.length) {
    const tag = readVarint()
    const value = { 0: readVarint, 1: () => readBytes(8), 2: () => readBytes(readVarint()), 5: () => readBytes(4) }[
      tag & 7
    ]
    if (!value) throw new Error(`not protobuf: a field of wire type ${tag & 7}`)
    parts.push({ field: Math.floor(tag / 8), value: value() })
  }
  return {
    all: (field: number): Buffer[] =>
      parts.flatMap((part) => (part.field === field && typeof part.value !== 'number' ? [part.value] : [])),
    number: (field: number): number | null => {
      const part = parts.find((one) => one.field === field)
      return typeof part?.value === 'number' ? part.value : null
    },
  }
}
