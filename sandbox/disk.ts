import { randomUUID } from 'node:crypto'
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Writes a whole file or nothing: concurrent readers and the next start after a SIGKILL never see a partial file. */
export async function writeAtomically(path: string, data: string | Uint8Array, mode = 0o644): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`
  await writeFile(temporary, data, { mode })
  await rename(temporary, path)
}

/** A file's text, or null when the file does not exist. */
export async function readIfExists(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

/** Parses every JSON file of a folder and skips damaged ones. Temporary files of an interrupted run are deleted. */
export async function readJsonFiles(folder: string): Promise<unknown[]> {
  const values: unknown[] = []
  for (const name of await readdir(folder)) {
    if (name.endsWith('.tmp')) await rm(join(folder, name), { force: true })
    if (!name.endsWith('.json')) continue
    try {
      values.push(JSON.parse(await readFile(join(folder, name), 'utf8')))
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error // edited by hand: the other files still count
    }
  }
  return values
}
