import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

const PROGRAM = fileURLToPath(new URL('../../studio/build.ts', import.meta.url))

/** The directory of the studio's build. */
export const STUDIO_DIRECTORY = fileURLToPath(new URL('../../studio/dist', import.meta.url))

/**
 * Updates the studio's build in a separate process, which ends at once when nothing has changed.
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
