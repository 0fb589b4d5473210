/**
 * The long form of the fault tests: `npm run test:faults [-- --rounds N] [-- --write]`. Prints a table of what the rows
 * measured; with `--write` docs/reliability.md keeps it.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

interface Line {
  row: string
  what: string
  rounds: number
  [figure: string]: string | number
}

const COMMON = ['row', 'what', 'rounds', 'jobs', 'double POSTs', 'violations', 'reconnects'] as const
const DOCUMENT = new URL('../../docs/reliability.md', import.meta.url)
const BEGIN = '<!-- figures -->'
const END = '<!-- end of figures -->'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '100' }, write: { type: 'boolean', default: false } },
})

const directory = await mkdtemp(join(tmpdir(), 'reelay-figures-'))
const figures = join(directory, 'figures.jsonl')
await writeFile(figures, '')
const since = Date.now()
const child = spawn('vitest', ['run', '--no-file-parallelism', 'test/faults'], {
  stdio: 'inherit',
  env: { ...process.env, FAULT_ROUNDS: values.rounds, FAULT_FIGURES: figures },
})
const [code] = (await once(child, 'exit')) as [number | null]
const lines = (await readFile(figures, 'utf8')).split('\n').filter(Boolean)
await rm(directory, { recursive: true })
const table = toTable(lines.map((line) => JSON.parse(line) as Line))
process.stdout.write(`\n${table}\n`)
if (values.write && code === 0) await keep(table)
process.exitCode = code ?? 1

function toTable(rows: Line[]): string {
  const sorted = rows.toSorted((a, b) => a.row.localeCompare(b.row, 'en', { numeric: true }))
  const cells = sorted.map((line) => {
    const own = Object.entries(line).filter(([name]) => !(COMMON as readonly string[]).includes(name))
    return [
      ...COMMON.map((name) => String(line[name] ?? '')),
      own.map(([name, value]) => `${name}: ${value}`).join(', '),
    ]
  })
  const header = [...COMMON, 'measured']
  return [header, header.map(() => '---'), ...cells].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

async function keep(figuresTable: string): Promise<void> {
  const text = await readFile(DOCUMENT, 'utf8')
  const [before, rest = ''] = text.split(BEGIN)
  const after = rest.split(END)[1] ?? ''
  const minutes = Math.round((Date.now() - since) / 60_000)
  const day = new Date().toISOString().slice(0, 10)
  const made = `Measured on ${day} with Node ${process.versions.node} on ${process.platform}, ${availableParallelism()} cores, in ${minutes} minutes.`
  await writeFile(DOCUMENT, `${before}${BEGIN}\n\n${made}\n\n${figuresTable}\n\n${END}${after}`)
}
