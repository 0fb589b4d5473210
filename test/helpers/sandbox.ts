import { openSandbox, type SandboxOptions } from '../../sandbox/sandbox.ts'
import { makeTemporaryDirectory } from './directories.ts'

export interface TestSandbox {
  /** Base of its queue and of its storage. */
  url: string
  stop(): Promise<void>
}

/** A sandbox with files of its own that runs many requests at once, at a pace at which a test sees a request pass through its states. */
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
