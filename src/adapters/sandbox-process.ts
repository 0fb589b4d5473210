import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { StartError } from '../errors.ts'

const PROGRAM = fileURLToPath(new URL('../../sandbox/main.ts', import.meta.url))
const START_TIMEOUT_MS = 15_000
const Ready = z.object({ url: z.url() })

/**
 * Starts the sandbox, the local stand-in for fal, as a separate process and waits until it listens. The sandbox watches
 * the IPC channel, and so ends with this process however that ends. A sandbox that ends by itself is restarted, on the
 * same port and with the same queue.
 * @param options - `dataDir`: for its queue and its files
 */
export async function openSandboxProcess({
  dataDir,
  onError,
}: {
  dataDir: string
  onError(error: unknown, context: { stage: string }): void
}) {
  let stopped = false
  const { url, ...first } = await start()
  let { child } = first

  function watch(): void {
    child.once('exit', (code, signal) => {
      if (stopped) return
      onError(new Error(`the sandbox ended by itself (${signal ?? `exit code ${code}`}) and is being restarted`), {
        stage: 'sandbox',
      })
      void restart()
    })
  }

  async function restart(): Promise<void> {
    try {
      ;({ child } = await start(new URL(url).port))
      if (stopped) child.kill('SIGTERM')
      else watch()
    } catch (error) {
      onError(error, { stage: 'sandbox' })
      if (!stopped) setTimeout(() => void restart(), 1000).unref()
    }
  }

  /** @param port - default: any. One that is taken fails, since callers know the URL of the first start. */
  async function start(port?: string): Promise<{ child: ChildProcess; url: string }> {
    const env = {
      ...pick(process.env, ['PATH', 'HOME', 'SANDBOX_STEP_MS', 'SANDBOX_SLOTS', 'SANDBOX_PORT']),
      SANDBOX_DATA_DIR: dataDir,
      ...(port !== undefined && { SANDBOX_PORT: port }),
    }
    const child = spawn(process.execPath, ['--no-warnings', PROGRAM], {
      env,
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      // A separate process group: Ctrl-C in a terminal reaches only this process, which then stops the sandbox.
      detached: true,
      windowsHide: true,
    })
    // A failed start or signal emits an error, which would end this process without a listener.
    child.on('error', (error) => onError(error, { stage: 'sandbox' }))
    const { url } = await readReady(child)
    return { child, url }
  }

  watch()
  return {
    /** Base URL of its queue and its storage. */
    url,
    stop: async (): Promise<void> => {
      stopped = true
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      const forced = setTimeout(() => child.kill('SIGKILL'), 5_000)
      await exited
      clearTimeout(forced)
    },
  }
}

/** Reads the sandbox's first line of output, which has its URL. */
async function readReady(child: ChildProcess): Promise<z.infer<typeof Ready>> {
  if (!child.stdout) throw new Error('the sandbox was started without a pipe')
  const lines = createInterface(child.stdout)
  const first = await Promise.race([
    once(lines, 'line', { signal: AbortSignal.timeout(START_TIMEOUT_MS) }).then(([line]) => String(line)),
    once(child, 'exit').then(([code]) => {
      throw new StartError(
        `cannot start: the sandbox ended with exit code ${code} (its reason is above); set FAL_KEY to use fal instead`,
      )
    }),
  ]).catch((error: unknown) => {
    child.kill('SIGKILL')
    throw error instanceof StartError
      ? error
      : new StartError(`cannot start: the sandbox was not ready within ${START_TIMEOUT_MS / 1000} s`, {
          cause: error,
        })
  })
  // Later output is ignored, but must be read, or the sandbox would block.
  lines.on('line', () => {})
  return Ready.parse(JSON.parse(first))
}

function pick(env: NodeJS.ProcessEnv, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])))
}
