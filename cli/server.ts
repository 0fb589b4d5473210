import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { CommandError } from './errors.ts'

/** A server that this command has started. */
export interface StartedServer {
  /** Asks it to stop, and waits until it has. */
  stop(): Promise<void>
}

export interface ServerOptions {
  url: string
  environment: NodeJS.ProcessEnv
  signal: AbortSignal
  /** The server is not there: it is started. */
  onStarting(): void
  /** The server that was started has ended by itself. */
  onEnded(error: CommandError): void
}

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const GUARD = new URL('./stop-with-parent.ts', import.meta.url).href
/** The first start ever makes a database. */
const START_TIMEOUT_MS = 60_000
const PROBE_TIMEOUT_MS = 5_000
/** The server drains within 20 s. */
const STOP_TIMEOUT_MS = 25_000

/**
 * Starts the server of this repository if none answers at a URL of this machine. Null when one is there, or when the
 * URL leads elsewhere: what is wrong there, the first request will tell.
 * @throws CommandError when the server that was started does not get ready
 */
export async function startServerIfNone({
  url,
  environment,
  signal,
  onStarting,
  onEnded,
}: ServerOptions): Promise<StartedServer | null> {
  const address = toLocalAddress(url)
  if (address === null || (await probe(url)) !== 'nobody') return null
  onStarting()

  const child = spawn(process.execPath, ['--no-warnings', '--import', GUARD, 'src/main.ts'], {
    cwd: ROOT,
    env: { LOG_LEVEL: 'warn', ...environment, ...address },
    // A process group of its own: Ctrl-C is for this command to answer. The channel tells it when this process is gone.
    detached: true,
    windowsHide: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  const exited = once(child, 'exit')
  const tail = keepTail(child.stderr)
  let stopping = false
  let isReady = false
  let ended: CommandError | null = null
  exited.then(([code, killedBy]) => {
    ended = new CommandError(
      `the server ended by itself (${killedBy ?? `exit code ${code}`})${tail.text() && `:\n${tail.text()}`}`,
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
      // Somebody else's server has come up there in the meantime, or is about to: that one will do.
      if (ended && (await probe(url)) === 'nobody') throw ended
      if (performance.now() > deadline)
        throw new CommandError(`the server did not get ready within ${START_TIMEOUT_MS / 1000} s\n${tail.text()}`)
      await pause(100, undefined, { signal })
    }
  } catch (error) {
    await stop()
    throw error
  }
  if (ended) return null
  isReady = true
  return { stop }
}

/** Where a server for this URL has to listen; null when it is not plain HTTP on this machine's own address. */
export function toLocalAddress(text: string): { HOST: string; PORT: string } | null {
  const { protocol, hostname, port, pathname } = new URL(text)
  const isLoopback = hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d+){3}$/.test(hostname)
  if (protocol !== 'http:' || pathname !== '/' || !isLoopback) return null
  return { HOST: hostname.replace(/^\[(.*)\]$/, '$1'), PORT: port || '80' }
}

async function probe(url: string): Promise<'ready' | 'not ready' | 'nobody'> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) })
    await response.body?.cancel()
    return response.ok ? 'ready' : 'not ready'
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined
    // Somebody who does not answer is somebody: a second server could not listen there.
    return isRefused(cause) ? 'nobody' : 'not ready'
  }
}

/** A name with several addresses fails with one error for each. */
function isRefused(cause: unknown): boolean {
  if (cause instanceof AggregateError) return cause.errors.every(isRefused)
  return cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED'
}

/** The last lines of what the server complained of. */
function keepTail(stream: NodeJS.ReadableStream | null): { text(): string } {
  let text = ''
  stream?.setEncoding('utf8')
  stream?.on('data', (more: string) => {
    text = (text + more).slice(-4_000)
  })
  return { text: () => text.trim().split('\n').slice(-20).join('\n') }
}
