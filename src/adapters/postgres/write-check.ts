import { DatabaseUnavailableError } from '../../errors.ts'
import type { Database } from './client.ts'
import { findUnwritable } from './errors.ts'

/** Detects a database that answers but cannot store anything, as with a full disk. */
export function createWriteCheck() {
  let reason: string | null = null
  let checking: Promise<string | null> | null = null

  async function write(db: Database): Promise<string | null> {
    try {
      // 1 MB in new pages, removed with the statement. Rows in our tables might fit into old pages, and would remain
      // there for a while after a rollback.
      await db.$executeRaw`CREATE TEMP TABLE write_check ON COMMIT DROP AS SELECT generate_series(1, 30000)`
      reason = null
    } catch (error) {
      reason = findUnwritable(error)
      if (reason === null && error instanceof DatabaseUnavailableError) throw error
    }
    return reason
  }

  return {
    /** Takes every reported error: after one that means that nothing can be stored, the next checks write. */
    note: (error: unknown): void => {
      reason = findUnwritable(error) ?? reason
    },
    /** Why nothing can be stored, else null. Sends no query unless an error has been noted. */
    check: async (db: Database): Promise<string | null> => {
      if (reason === null) return null
      // Concurrent callers share one check: the disk is full enough.
      checking ??= write(db).finally(() => {
        checking = null
      })
      return await checking
    },
  }
}
