import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { CommandError } from './errors.ts'

interface ServerOptions {
  url: string
  environment: NodeJS.ProcessEnv
  signal: AbortSignal
  /** Called before a server is started. */
  onStarting(): void
  /** Called when the started server exits on its own. */
  onEnded(error: CommandError): void
}

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const GUARD = new URL('./stop-with-parent.ts', import.meta.url).href
/** The very first start creates a database. */
const START_TIMEOUT_MS = 60_000
const PROBE_TIMEOUT_MS = 5_000
/** The server drains for up to 20 s. */
const STOP_TIMEOUT_MS = 25_000

/**
 * Starts this repository's server if the URL is local and no server answers there.
 * @returns a function that stops the server and waits for its exit; null when one answers, and for a remote URL, where
 * the first request reports any problem
 * @throws CommandError when the started server does not become ready
 */
export async function startServerIfNone(options: ServerOptions): Promise<(() => Promise<void>) | null> {
  const { url, environment, signal, onStarting, onEnded } = options
  const address = toLocalAddress(url)
  if (address === null || (await probe(url)) !== 'none') return null
  onStarting()

  const child = spawn(process.execPath, ['--no-warnings', '--import', GUARD, 'src/main.ts'], {
    cwd: ROOT,
    env: { LOG_LEVEL: 'warn', ...environment, ...address },
    // Detached, so that Ctrl-C reaches this command only. The IPC channel closes when this process exits.
    detached: true,
    windowsHide: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  const exited = once(child, 'exit')
  const readTail = keepTail(child.stderr)
  let stopping = false
  let isReady = false
  let ended: CommandError | null = null
  exited.then(([code, killedBy]) => {
    const tail = readTail()
    ended = new CommandError(
      `the server exited unexpectedly (${killedBy ?? `exit code ${code}`})${tail && `:\n${tail}`}`,
    )
    if (!stopping && isReady) onEnded(ended)
  })

  async function stop(): Promise<void> {
    stopping = true
    if (ended) return
    child.kill('SIGTERM')
    const forced = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await exited
    clearTimeout(forced)
  }

  const deadline = performance.now() + START_TIMEOUT_MS
  try {
    while ((await probe(url)) !== 'ready') {
      // Another process may have started a server there in the meantime: use that one.
      if (ended && (await probe(url)) === 'none') throw ended
      if (performance.now() > deadline)
        throw new CommandError(`the server was not ready within ${START_TIMEOUT_MS / 1000} s\n${readTail()}`)
      await pause(100, undefined, { signal })
    }
  } catch (error) {
    await stop()
    throw error
  }
  if (ended) return null
  isReady = true
  return stop
}

/** The HOST and PORT for a server at this URL; null unless the URL is plain HTTP on a loopback address. */
export function toLocalAddress(text: string): { HOST: string; PORT: string } | null {
  const { protocol, hostname, port, pathname } = new URL(text)
  const isLoopback = hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d+){3}$/.test(hostname)
  if (protocol !== 'http:' || pathname !== '/' || !isLoopback) return null
  return { HOST: hostname.replace(/^\[(.*)\]$/, '$1'), PORT: port || '80' }
}

async function probe(url: string): Promise<'ready' | 'not ready' | 'none'> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) })
    await response.body?.cancel()
    return response.ok ? 'ready' : 'not ready'
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined
    // Without an answer the port is still taken: a second server could not listen there.
    return isRefused(cause) ? 'none' : 'not ready'
  }
}

/** A host name with several addresses fails with one error per address. */
function isRefused(cause: unknown): boolean {
  if (cause instanceof AggregateError) return cause.errors.every(isRefused)
  return cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED'
}

/** Keeps the last lines of the server's standard error. */
function keepTail(stream: NodeJS.ReadableStream | null): () => string {
  let text = ''
  stream?.setEncoding('utf8')
  stream?.on('data', (more: string) => {
    text = (text + more).slice(-4_000)
  })
  return () => text.trim().split('\n').slice(-20).join('\n')
}
