/**
 * The long form of the hostile tests: `npm run test:hostile [-- --count N] [-- --seed N] [-- --only N]`. The seed is new
 * each time and printed; a violation names its number, and `--seed S --only N` sends that one item again.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Date.now() % 1e9) },
    only: { type: 'string' },
  },
})
process.stdout.write(`TEST_SEED=${values.seed}\n`)
const child = spawn('vitest', ['run', '--no-file-parallelism', 'test/hostile'], {
  stdio: 'inherit',
  env: {
    ...process.env,
    HOSTILE_COUNT: values.count,
    TEST_SEED: values.seed,
    ...(values.only !== undefined && { HOSTILE_ONLY: values.only }),
  },
})
const [code] = (await once(child, 'exit')) as [number | null]
process.exitCode = code ?? 1
