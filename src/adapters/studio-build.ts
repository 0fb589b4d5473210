import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

const PROGRAM = fileURLToPath(new URL('../../studio/build.ts', import.meta.url))

/** Where the build of the studio is. */
export const STUDIO_DIRECTORY = fileURLToPath(new URL('../../studio/dist', import.meta.url))

/**
 * Brings the studio's build up to date, by a process of its own; when nothing has changed, it ends at once.
 * @throws Error with what the build printed
 */
export async function buildStudio(): Promise<void> {
  try {
    await run(process.execPath, ['--no-warnings', PROGRAM], { timeout: 60_000, windowsHide: true })
  } catch (error) {
    const printed = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : ''
    throw new Error(`the studio cannot be built${printed && `: ${printed}`}`, { cause: error })
  }
}
