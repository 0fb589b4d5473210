import { readFile, rename, writeFile } from 'node:fs/promises'

let written = 0

/** Writes a whole file or nothing: a reader, or the next start after a SIGKILL, never sees half of one. */
export async function writeAtomically(path: string, data: string | Uint8Array, mode = 0o644): Promise<void> {
  written += 1
  const temporary = `${path}.${process.pid}-${written}.tmp`
  await writeFile(temporary, data, { mode })
  await rename(temporary, path)
}

/** A file's text, or null when there is none. */
export async function readIfExists(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}
