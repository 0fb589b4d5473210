import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { WebSocket } from 'ws'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const READY_TIMEOUT_MS = 30_000

/** Servers that are still running: they are stopped even if a test fails halfway. */
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGTERM')
})

/** The server as a separate process. */
export interface ServerProcess {
  url: string
  process: ChildProcess
  /** Its standard output and standard error so far. */
  output(): string
  /** Ends it with a signal, and returns its exit. */
  end(signal: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  /** Size of its live objects after a garbage collection, in bytes. Needs `inspect`. */
  heapUsed(): Promise<number>
}

/** Starts `src/main.ts` with these settings on a free port, and waits until it is ready. */
export async function startServerProcess(
  environment: Record<string, string>,
  { inspect = false } = {},
): Promise<ServerProcess> {
  const { child, output } = spawnServer(environment, { inspect })
  const exited = once(child, 'exit')
  const url = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`the server did not get ready:\n${output()}`))
    }, READY_TIMEOUT_MS)
    child.stderr?.on('data', () => {
      const line = output()
        .split('\n')
        .find((text) => text.includes('"msg":"ready"'))
      if (line === undefined) return
      clearTimeout(timer)
      resolve((JSON.parse(line) as { url: string }).url)
    })
    void exited.then(() => {
      clearTimeout(timer)
      reject(new Error(`the server ended before it was ready:\n${output()}`))
    })
  })
  return {
    url,
    process: child,
    output,
    end: async (signal) => {
      child.kill(signal)
      const [code, by] = (await exited) as [number | null, NodeJS.Signals | null]
      return { code, signal: by }
    },
    heapUsed: () => readHeap(output()),
  }
}

/** Runs the server until it exits. */
export async function runServerProcess(
  environment: Record<string, string>,
): Promise<{ code: number | null; output: string }> {
  const { child, output } = spawnServer(environment)
  const [code] = (await once(child, 'exit')) as [number | null]
  return { code, output: output() }
}

function spawnServer(
  environment: Record<string, string>,
  { inspect = false } = {},
): { child: ChildProcess; output: () => string } {
  const flags = inspect ? ['--inspect=127.0.0.1:0'] : []
  const child = spawn(process.execPath, [...flags, MAIN], {
    env: { PATH: process.env.PATH ?? '', PORT: '0', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
  return { child, output: () => text }
}

/** Calls V8's inspector. @see https://chromedevtools.github.io/devtools-protocol/v8 */
async function readHeap(output: string): Promise<number> {
  const socket = new WebSocket(/ws:\/\/127\.0\.0\.1:\S+/.exec(output)?.[0] ?? '')
  await once(socket, 'open')
  async function call(id: number, method: string): Promise<{ usedSize: number }> {
    const answered = new Promise<{ usedSize: number }>((resolve) => {
      socket.on('message', (data) => {
        const message = JSON.parse(String(data)) as { id?: number; result: { usedSize: number } }
        if (message.id === id) resolve(message.result)
      })
    })
    socket.send(JSON.stringify({ id, method }))
    return await answered
  }
  await call(1, 'HeapProfiler.collectGarbage')
  const { usedSize } = await call(2, 'Runtime.getHeapUsage')
  socket.close()
  return usedSize
}
