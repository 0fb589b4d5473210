import type { SerializedError } from 'vitest'
import type { Reporter, TestModule, TestRunEndReason } from 'vitest/node'

/** Ends the output with one line that a script can read: `12 passed, 0 failed`, then `, 3 skipped` if any were. */
export default class ClosingLineReporter implements Reporter {
  onTestRunEnd(
    modules: readonly TestModule[],
    unhandledErrors: readonly SerializedError[],
    reason: TestRunEndReason,
  ): void {
    const line = toClosingLine(modules, unhandledErrors.length, reason)
    process.stdout.write(`\n${line}\n`)
  }
}

function toClosingLine(modules: readonly TestModule[], unhandledErrors: number, reason: TestRunEndReason): string {
  const counts = { passed: 0, failed: unhandledErrors, skipped: 0, pending: 0 }
  for (const module of modules) {
    const before = counts.failed
    for (const test of module.children.allTests()) counts[test.result().state] += 1
    // A file that cannot be loaded, or a hook that fails, counts as a failure without a test.
    if (!module.ok() && counts.failed === before) counts.failed += 1
  }
  // Nothing ran: no file was found, or the global setup failed.
  if (modules.length === 0 || (reason === 'failed' && counts.failed === 0)) counts.failed += 1
  const skipped = counts.skipped + counts.pending
  return `${counts.passed} passed, ${counts.failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}
