import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ROOT } from './read-source.ts'

/** What a process did that imported some modules and nothing else. */
export interface Loaded {
  /** Null when it had to be killed: something kept it alive. */
  exitCode: number | null
  output: string
}

/** Reads of process.env, by the folder of the reading file: libraries may read theirs, our modules may not. */
const WATCH_ENVIRONMENT = `
  process.env = new Proxy(process.env, { get(env, name) {
    const caller = new Error().stack.split('\\n')[2] ?? ''
    if (WATCHED.some((folder) => caller.includes(folder))) console.log('reads ' + String(name) + ' of the environment' + caller)
    return env[name]
  } })`

/** Imports modules in a process of their own that has next to no environment, and waits until it ends by itself. */
export function loadAlone(
  specifiers: readonly string[],
  { timeoutMs = 20_000, watched = [`${pathToFileURL(join(ROOT, 'src')).href}/`] } = {},
): Promise<Loaded> {
  const program = [
    `const WATCHED = ${JSON.stringify(watched)}`,
    WATCH_ENVIRONMENT,
    ...specifiers.map((specifier) => `await import(${JSON.stringify(specifier)})`),
  ].join('\n')
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ['--input-type=module', '--eval', program],
      { cwd: ROOT, env: { PATH: process.env.PATH ?? '' }, timeout: timeoutMs, killSignal: 'SIGKILL' },
      (_error, stdout, stderr) => resolve({ exitCode: child.exitCode, output: stdout + stderr }),
    )
  })
}
