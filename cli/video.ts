import { createReelayClient } from '../client/core/reelay-client.ts'
import { GetJobDocument } from '../operations/generated/graphql.ts'
import { callApi } from './api.ts'
import { createDisplay } from './display.ts'
import { CommandError, InputRefusedError, InterruptedError, UsageError } from './errors.ts'
import { type FollowedJob, followJob } from './follow.ts'
import { type Interrupts, listenForInterrupts } from './interrupts.ts'
import { HELP, type Options, parseOptions } from './options.ts'
import { checkTarget, type Target, toVideoName } from './save.ts'
import { startServerIfNone } from './server.ts'
import { checkInput, submitJob } from './submit.ts'
import { toIssueLine, toSafeText } from './text.ts'

/** Runs the command line and returns the exit code. */
async function main(): Promise<number> {
  const interrupts = listenForInterrupts()
  // A closed pipe, for example into `head`, must not stop the command: the video is paid for and is still saved.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  try {
    // npm runs scripts in the project's folder; file names are relative to the folder of the caller.
    if (process.env.INIT_CWD) process.chdir(process.env.INIT_CWD)
    const options = parseOptions(process.argv.slice(2), process.env)
    if (options.action === 'help') {
      process.stdout.write(HELP)
      return 0
    }
    return await run(options, interrupts)
  } catch (error) {
    return reportError(interrupts.signal.aborted ? interrupts.signal.reason : error)
  } finally {
    interrupts.stop()
  }
}

async function run(options: Exclude<Options, { action: 'help' }>, interrupts: Interrupts): Promise<number> {
  const { signal } = interrupts
  const { url, out } = options
  const image = options.action === 'make' ? options.image : null
  const target: Target | null =
    out !== null ? { path: out, replace: true } : image !== null ? { path: toVideoName(image), replace: false } : null
  if (options.action === 'make') await checkInput(options)
  if (target !== null) await checkTarget(target)

  const display = createDisplay(process.stdout, process.env)
  const client = createReelayClient({ url: `${url}/graphql` })
  const api = { url, client, signal }
  let stopServer: (() => Promise<void>) | null = null
  try {
    stopServer = await startServerIfNone({
      url,
      environment: process.env,
      signal,
      onStarting: () => {
        display.print(`No server running at ${url}; starting one for this command`, 'quiet')
        display.show({ text: 'starting the server', progress: null })
      },
      onEnded: interrupts.end,
    })
    const job: FollowedJob =
      options.action === 'make'
        ? { ...options, id: await submitJob(options, api, display), target }
        : { ...(await readJob(options.jobId)), target }
    display.print(`Job ${job.id}`)
    const interactive = Boolean(process.stdin.isTTY && process.stdout.isTTY)
    return await followJob(job, { ...options, api, display, interrupts, interactive, ownServer: stopServer !== null })

    async function readJob(id: string): Promise<Omit<FollowedJob, 'target'>> {
      const { job } = await callApi(api, GetJobDocument, { id })
      if (!job) throw new CommandError(`no job with the id ${id}`)
      return { id: job.id, image: job.settings.imageUrl, settings: job.settings }
    }
  } finally {
    await client.close()
    if (stopServer) display.show({ text: 'stopping the server' })
    await stopServer?.()
    display.close()
  }
}

/** Prints an error and returns the exit code. */
function reportError(error: unknown): number {
  const print = (line: string): void => void process.stderr.write(`${line}\n`)
  if (error instanceof InterruptedError) return error.exitCode
  if (error instanceof UsageError) {
    print(`usage error: ${error.message}`)
    print('See: npm run video -- --help')
    return 2
  }
  if (error instanceof InputRefusedError) {
    print('Invalid input:')
    for (const issue of error.issues) print(`  ${toIssueLine(issue)}`)
    return 2
  }
  print(
    error instanceof CommandError
      ? `Error: ${error.message.split('\n').map(toSafeText).join('\n')}`
      : `Error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  )
  return 1
}

process.exitCode = await main()
