import { openSandbox, type SandboxOptions } from '../../sandbox/sandbox.ts'
import { makeTemporaryDirectory } from './directories.ts'

export interface TestSandbox {
  /** Base URL of its queue and its storage. */
  url: string
  stop(): Promise<void>
}

/** A sandbox with its own folder that runs many requests at once, slowly enough for a test to see each state. */
export async function startTestSandbox(options: Partial<SandboxOptions> = {}): Promise<TestSandbox> {
  const directory = await makeTemporaryDirectory('reelay-test-sandbox')
  const sandbox = await openSandbox({ dataDir: directory.path, stepMs: 40, slots: 50, ...options })
  return {
    url: sandbox.url,
    stop: async () => {
      await sandbox.close()
      await directory.remove()
    },
  }
}
