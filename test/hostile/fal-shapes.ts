/** JSON in the shapes that cost the most to read: as a status, an event, a result or an error of fal. */

/** `piece` again and again, numbered, for as long as it fits. */
function repeatTo(size: number, piece: (n: number) => string): string {
  const pieces: string[] = []
  for (let n = 0, length = 0; length + piece(n).length < size; n++) {
    pieces.push(piece(n))
    length += piece(n).length + 1
  }
  return pieces.join()
}

const running = (logs: string) => `{"status":"IN_PROGRESS","logs":[${logs}]}`

/** Log lines beyond number, in so many characters. */
export function toLongLogs(length: number): Record<string, string> {
  const repeat = (piece: (n: number) => string) => running(repeatTo(length - ROOM, piece))
  return {
    'lines of nothing': repeat(() => '{"message":""}'),
    'strings of nothing': repeat(() => '""'),
    'numbered lines': repeat((n) => `{"message":"line ${n}","timestamp":"2026-11-22T10:00:00.123"}`),
    'lines of different shapes': repeat((n) => `{"message":"","k${n}":${n}}`),
    'lines that report no progress': repeat((n) => `"${n} 1/ 2of ${n}.${n}%x"`),
    'entries that are no lines': repeat(() => '[]'),
  }
}

/** For what stands around the shape. */
const ROOM = 100

export function toShapes(length: number): Record<string, string> {
  const size = length - ROOM
  const repeat = (piece: (n: number) => string) => repeatTo(size, piece)
  const line = (piece: string) => running(`"${piece.repeat(size / piece.length)}"`)
  return {
    ...toLongLogs(length),
    'one line': line('x'),
    'one line of digits': line('1'),
    'one line of spaced digits': line('1 '),
    'one line of slashes': line('1/'),
    'one line of backslashes': line('\\\\'),
    'one line of NULs': line('\\u0000'),
    'one line of halves of characters': line('\\ud800'),
    'one line of percent signs': line('%25'),
    'one line of ampersands': line('&amp;'),
    'a time without end': running(`{"message":"","timestamp":"2026-11-22T10:00:00.${'1'.repeat(size)}"}`),
    'a level without end': running(`{"message":"","level":"${'ß'.repeat(size)}"}`),
    'an error without end': `{"status":"COMPLETED","error":"${'e'.repeat(size)}"}`,
    'a depth without end': running('['.repeat(size)),
    'a depth that ends': running('['.repeat(size / 2) + ']'.repeat(size / 2)),
    'objects in objects': running(`${'{"a":'.repeat(size / 6)}1${'}'.repeat(size / 6)}`),
    'keys beyond number': `{"status":"IN_PROGRESS",${repeat((n) => `"key ${n}":1`)}}`,
    'objects of different shapes': `{"status":"IN_PROGRESS","x":[${repeat((n) => `{"a${n}":${n}}`)}]}`,
    'details beyond number': `{"detail":[${repeat((n) => `{"loc":["body","x${n}"],"msg":"\\\\u00${n}","type":"t"}`)}]}`,
    'long details': `{"detail":[${repeat(() => `{"loc":["${'%'.repeat(4000)}"],"msg":"${'\\\\'.repeat(4000)}","type":"${'&'.repeat(1000)}"}`)}]}`,
    'a path without end': `{"detail":[{"loc":[${repeat((n) => `"p${n}"`)}],"msg":"m","type":"t"}]}`,
    'quotes without end': `{"a${'\\"'.repeat(size / 2)}`,
    'numbers that are none': running(repeat(() => 'NaN')),
    'a text that is no JSON': '<p>'.repeat(size / 3),
  }
}
