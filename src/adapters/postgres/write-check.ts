import { DatabaseUnavailableError } from '../../errors.ts'
import type { Database } from './client.ts'
import { findUnwritable } from './errors.ts'

/** Knows whether the database can store something, though it may well answer: a full disk is read as ever. */
export interface WriteCheck {
  /** Of every error that was met: one that says that nothing can be stored makes the next checks write. */
  note(error: unknown): void
  /** Why nothing can be stored; null when something can, or nobody has found that it cannot. Costs nothing until then. */
  check(db: Database): Promise<string | null>
}

export function createWriteCheck(): WriteCheck {
  let reason: string | null = null
  let checking: Promise<string | null> | null = null

  async function write(db: Database): Promise<string | null> {
    try {
      // 1 MB in new pages, gone with the statement. Rows in our tables might find room in old pages, and would stay there
      // for a while though they were taken back.
      await db.$executeRaw`CREATE TEMP TABLE write_check ON COMMIT DROP AS SELECT generate_series(1, 30000)`
      reason = null
    } catch (error) {
      reason = findUnwritable(error)
      if (reason === null && error instanceof DatabaseUnavailableError) throw error
    }
    return reason
  }

  return {
    note: (error) => {
      reason = findUnwritable(error) ?? reason
    },
    check: async (db) => {
      if (reason === null) return null
      // Whoever asks meanwhile gets the same answer: the disk is full enough.
      checking ??= write(db).finally(() => {
        checking = null
      })
      return await checking
    },
  }
}
