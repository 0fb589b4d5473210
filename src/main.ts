/** The first Node that knows all of the syntax of these files. */
const OLDEST_NODE = 24

// Before anything else is loaded: an older Node would stop at the first line that it cannot read.
if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
  process.stderr.write(
    `cannot start: Node ${process.versions.node} is older than ${OLDEST_NODE}: use npm start, which takes the Node that npm ci installed\n`,
  )
  process.exit(1)
}

const { run } = await import('./run.ts')
await run()
