import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeTemporaryDirectory } from './directories.ts'
import { findFreePort } from './free-port.ts'
import { until } from './until.ts'

/** A real proxy in front of a server, on the loopback interface. */
export interface WebProxy {
  url: string
  stop(): Promise<void>
}

/** nginx is in /usr/sbin, which may be missing from PATH. */
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` }

const whyNot = (program: string, args: string[]) =>
  spawnSync(program, args, { env }).status === 0 ? null : `there is no ${program}: install the package of that name`

/** The reason why these programs cannot run here; null if they can. */
export const noNginx = whyNot('nginx', ['-v'])
export const noCaddy = whyNot('caddy', ['version'])

/** @param toServers - returns the `http` block's servers, of which one listens on this port. */
export async function startNginx(toServers: (port: number) => string | Promise<string>): Promise<WebProxy> {
  const port = await findFreePort()
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path temp/${name};`)
  const config = [
    // One process, which can be killed by its id; as root it would change to a user who may not enter the folder.
    ...['daemon off;', 'master_process off;', 'pid nginx.pid;', 'error_log stderr error;'],
    'events { worker_connections 256; }',
    `http { access_log off; ${paths.join(' ')}\n${await toServers(port)}\n}`,
  ]
  return await startProxy({
    ...{ port, program: 'nginx', fileName: 'nginx.conf', config: config.join('\n') },
    toArguments: (directory) => ['-p', directory, '-e', 'stderr', '-c', join(directory, 'nginx.conf')],
  })
}

/** @param toSites - returns the sites, of which one listens on this port. */
export async function startCaddy(toSites: (port: number) => string | Promise<string>): Promise<WebProxy> {
  const port = await findFreePort()
  return await startProxy({
    ...{ port, program: 'caddy', fileName: 'Caddyfile' },
    config: `{\n\tadmin off\n\tauto_https off\n}\n${await toSites(port)}`,
    toArguments: (directory) => ['run', '--adapter', 'caddyfile', '--config', join(directory, 'Caddyfile')],
  })
}

interface ProxyOptions {
  port: number
  program: string
  fileName: string
  config: string
  toArguments(directory: string): string[]
}

async function startProxy({ port, program, fileName, config, toArguments }: ProxyOptions): Promise<WebProxy> {
  const directory = await makeTemporaryDirectory(`reelay-test-${program}`)
  await mkdir(join(directory.path, 'temp'))
  await writeFile(join(directory.path, fileName), config)
  const child = spawn(program, toArguments(directory.path), {
    env: { ...env, HOME: directory.path, XDG_DATA_HOME: directory.path, XDG_CONFIG_HOME: directory.path },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text) => (said += text))
  const exited = once(child, 'exit')
  const url = `http://127.0.0.1:${port}`
  const stop = async () => {
    child.kill('SIGKILL')
    await exited
    await directory.remove()
  }
  try {
    await until(() => fetch(`${url}/healthz`).then(({ ok }) => ok), { timeoutMs: 15_000, everyMs: 50, what: program })
  } catch (cause) {
    await stop()
    throw new Error(`${program} does not respond; its output:\n${said}`, { cause })
  }
  return { url, stop }
}
