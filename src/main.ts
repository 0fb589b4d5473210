/** The oldest Node that can parse the syntax of these files. */
const OLDEST_NODE = 24

// Checked before anything else is loaded: an older Node would fail with a syntax error.
if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
  process.stderr.write(
    `cannot start: Node ${process.versions.node} is older than ${OLDEST_NODE}: use npm start, which runs the Node that npm ci installed\n`,
  )
  process.exit(1)
}

const { run } = await import('./run.ts')
await run()
