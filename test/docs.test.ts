import { access, readdir, readFile } from 'node:fs/promises'
import { parse, validate } from 'graphql'
import { CloseCode } from 'graphql-ws'
import { describe, expect, test } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { createFailure, FAILURE_CODES } from '../src/jobs/failure.ts'
import { schema } from '../src/schema/index.ts'
import { TRANSITIONS } from '../src/updates/job-status.ts'

const ROOT = new URL('../', import.meta.url)
const PAGES = [
  ...['', 'client/', 'sandbox/', 'bench/'].map((folder) => `${folder}README.md`),
  ...['architecture', 'clients', 'protocol', 'operations', 'reliability', 'security'].map((name) => `docs/${name}.md`),
]
const read = (path: string): Promise<string> => readFile(new URL(path, ROOT), 'utf8')

const [protocol, operations, config, dockerfile, ignored, source] = await Promise.all([
  read('docs/protocol.md'),
  read('docs/operations.md'),
  read('src/config.ts'),
  read('Dockerfile'),
  read('.dockerignore'),
  readSource(),
])

describe('docs/protocol.md', () => {
  test('has only operations that are valid for this API', () => {
    const pasted = [...protocol.matchAll(/```graphql\n(.*?)```/gs)].map(([, text]) => text ?? '')
    const recorded = [...protocol.matchAll(/^(?:> )?(\{.*"query":"(?:mutation|subscription).*?)(?:,)?$/gm)].map(
      ([line]) => JSON.parse(`"${/"query":"(.*?)"[,}\n]/.exec(`${line}\n`)?.[1] ?? ''}"`) as string,
    )
    expect([pasted.length, recorded.length]).toEqual([2, 3])
    for (const query of [...pasted, ...recorded]) expect(validate(schema, parse(query)), query).toEqual([])
  })

  test('has example messages that are valid JSON', () => {
    const messages = [...protocol.matchAll(/^[<>] (\{.*)$/gm)].map(([, text]) => JSON.parse(text ?? '') as unknown)
    expect(messages.length).toBeGreaterThan(10)
  })

  test('has the transitions of the table of states', () => {
    const documented = [...protocol.matchAll(/^\| `([A-Z]+)` \| ((?:`[A-Z]+`(?:, )?)+|nothing: the end.*) \|$/gm)].map(
      ([, from = '', to = '']) => [from, [...to.matchAll(/`([A-Z]+)`/g)].map(([, state]) => state)],
    )
    expect(Object.fromEntries(documented)).toEqual(TRANSITIONS)
  })

  test('says for every failure code whether it is retryable', () => {
    const documented = [...protocol.matchAll(/^\| (`[A-Z_]+`(?:, `[A-Z_]+`)*) \| (yes|no)\b/gm)].flatMap(
      ([, codes, answer]) =>
        (codes ?? '').split(', ').map((code) => [code.replaceAll('`', ''), answer === 'yes'] as const),
    )
    const failures = new Map(documented.filter(([code]) => (FAILURE_CODES as readonly string[]).includes(code)))
    expect(failures).toEqual(new Map(FAILURE_CODES.map((code) => [code, createFailure(code, '').retryable])))
  })

  test('lists the close codes of the protocol and of this server', () => {
    const documented = [...protocol.matchAll(/^\| (\d{4}(?:, \d{4})*) \|/gm)].flatMap(([, codes]) =>
      (codes ?? '').split(', ').map(Number),
    )
    // Left out are codes that only a client sends, and 4500: this server sends 1013 instead, because graphql-ws does not
    // reconnect after 4500.
    const ofClients = [
      CloseCode.InternalClientError,
      CloseCode.BadResponse,
      CloseCode.ConnectionAcknowledgementTimeout,
      CloseCode.InternalServerError,
    ]
    const ofProtocol = Object.values(CloseCode).filter((code) => typeof code === 'number' && !ofClients.includes(code))
    // This server sends 1008, 1009, 1012 and 1013; the others can occur on any socket. @see https://www.iana.org/assignments/websocket
    const ofSockets = [1000, 1001, 1005, 1006, 1008, 1009, 1012, 1013]
    expect(documented.toSorted()).toEqual([...ofProtocol, ...ofSockets].toSorted())
  })
})

describe('docs/operations.md', () => {
  test('lists exactly the metrics that exist', () => {
    const documented = [...operations.matchAll(/^\| `(reelay_[a-z_]+)` \|/gm)].map(([, name]) => name)
    const registered = [...source.matchAll(/['"`](reelay_[a-z_]+)['"`]/g)].map(([, name]) => name)
    expect(new Set(documented)).toEqual(new Set(registered))
  })

  test('explains exactly the lines that the log can contain', () => {
    const rows = [...operations.matchAll(/^\| (?:error|warn|error or warn), (`.*?) \|/gm)].map(
      ([, texts]) => texts ?? '',
    )
    const documented = rows.flatMap((row) =>
      [...row.matchAll(/`([^`,;]+?)(?: failed|: …)`/g)].map(([, stage]) => stage),
    )
    const stages = [...source.matchAll(/\bstage: (?:'([^']+)'|`([^`]+)`)/g)].map(([, text, template]) =>
      (text ?? template ?? '').replaceAll(/\$\{.*?\}/g, '…'),
    )
    expect(new Set(documented)).toEqual(new Set(stages))
  })

  test('quotes reports about results as the source words them', () => {
    const quoted = [...operations.matchAll(/`result: ([^`]+)`/g)].map(([, text = '']) => text)
    expect(quoted.length).toBeGreaterThan(2)
    for (const part of quoted.flatMap((text) => text.split('…')).map((text) => text.trim()))
      expect(source).toContain(part)
  })
})

describe('compose.yaml', async () => {
  const { services } = parseYaml(await read('compose.yaml'), { merge: true }) as Composition

  test('sets the variables that config.ts and the images read', () => {
    const ofReelay = [...config.matchAll(/^ {2}([A-Z][A-Z_]+): /gm)].map(([, name]) => name)
    const ofTracing = [...operations.matchAll(/`(OTEL_\w+)`/g)].map(([, name]) => name)
    const ofImages = ['NODE_OPTIONS', 'POSTGRES_USER', 'POSTGRES_DB', 'POSTGRES_PASSWORD']
    const set = Object.values(services).flatMap(({ environment = {} }) => Object.keys(environment))
    expect(set.filter((name) => ![...ofReelay, ...ofTracing, ...ofImages].includes(name))).toEqual([])
    expect(ofTracing.filter((name = '') => name !== 'OTEL_TRACES_SAMPLER' && !set.includes(name))).toEqual([])
    // The image sets where a container listens, and a container stores nothing.
    const own = ['HOST', 'PORT', 'DATA_DIR', 'NODE_ENV']
    for (const part of ['api', 'worker'])
      expect(ofReelay.filter((name = '') => !(name in (services[part]?.environment ?? {})))).toEqual(own)
  })

  test('starts a service when its dependencies are healthy', () => {
    for (const [name, { depends_on: needs = {} }] of Object.entries(services))
      for (const [needed, { condition }] of Object.entries(needs)) {
        expect([name, condition]).toEqual([name, 'service_healthy'])
        // The two roles use the health check of their image.
        expect(services[needed]?.healthcheck ?? dockerfile.includes('HEALTHCHECK'), needed).toBeTruthy()
      }
  })

  test('gives each role the time for a drain, and a memory limit', () => {
    for (const role of ['api', 'worker']) {
      expect(services[role]?.environment?.ROLES).toBe(role)
      expect(services[role]?.stop_grace_period).toBe('25s')
    }
    for (const { deploy } of Object.values(services)) expect(deploy?.resources?.limits?.memory).toMatch(/^\d+[mg]$/)
  })

  test('builds its image once, and never pulls it', () => {
    const roles = Object.entries(services).filter(([, { image }]) => image === 'reelay')
    expect(roles.map(([name, { build, pull_policy: policy }]) => [name, build, policy])).toEqual([
      ['api', '.', undefined],
      ['worker', undefined, 'never'],
    ])
    expect(Object.values(services).filter(({ build }) => build !== undefined)).toHaveLength(1)
  })

  test('lets the load balancer open enough files for the connections of haproxy.cfg', async () => {
    const { nofile = 0 } = services['load-balancer']?.ulimits ?? {}
    const balancer = await read('deploy/haproxy.cfg')
    const connections = Number(/^ +maxconn (\d+)$/m.exec(balancer)?.[1])
    // Two files per connection, and a few for haproxy itself.
    expect(nofile).toBeGreaterThanOrEqual(2 * connections + 100)
    expect(balancer).toContain(`ulimit -n ${2 * connections + 100}`)
  })

  test('contains no secret', () => {
    expect(services.api?.environment?.FAL_KEY).toMatch(/^\$\{FAL_KEY:\?/)
  })

  test('mounts existing files', async () => {
    const mounted = Object.values(services).flatMap(({ volumes = [] }) =>
      volumes.filter((text) => text.startsWith('./')),
    )
    expect(mounted.length).toBe(1)
    for (const text of mounted) await access(new URL(text.split(':')[0] ?? '', ROOT))
  })
})

test('the Dockerfile copies exactly what .dockerignore allows', () => {
  const copied = [...dockerfile.matchAll(/^COPY (?!--)(.*) \S+$/gm)].flatMap(([, names]) => (names ?? '').split(' '))
  const allowed = [...ignored.matchAll(/^!(.+)$/gm)].map(([, name]) => name ?? '')
  const isIn = (name: string, place: string) => name === place || name.startsWith(`${place}/`)
  expect(copied.filter((name) => !allowed.some((place) => isIn(name, place)))).toEqual([])
  expect(allowed.filter((place) => !copied.some((name) => isIn(name, place)))).toEqual([])
})

test('docs/security.md names existing tests', async () => {
  const rows = [...(await read('docs/security.md')).matchAll(/^\|.*\| ((?:`[\w/-]+`(?:, )?)+) \|$/gm)]
  const named = rows.flatMap(([, cell]) => (cell ?? '').split(', ').map((name) => name.replaceAll('`', '')))
  expect(named.length).toBeGreaterThan(30)
  for (const name of new Set(named))
    await expect(access(new URL(`test/${name}.test.ts`, ROOT)), name).resolves.toBeUndefined()
})

test('links between the pages lead to existing files and headings', async () => {
  const decisions = (await readdir(new URL('docs/decisions/', ROOT))).map((name) => `docs/decisions/${name}`)
  for (const page of [...PAGES, ...decisions]) {
    const links = [...(await read(page)).matchAll(/\]\((?!\w+:)([^)\s]+)\)/g)].map(([, link]) => link ?? '')
    for (const link of links) {
      const [path = '', anchor] = link.split('#')
      const target = new URL(path === '' ? page : path, path === '' ? ROOT : new URL(page, ROOT))
      await expect(access(target), `${page}: ${link}`).resolves.toBeUndefined()
      if (anchor !== undefined) expect(toAnchors(await readFile(target, 'utf8')), `${page}: ${link}`).toContain(anchor)
    }
  }
})

interface Composition {
  services: Record<
    string,
    {
      image?: string
      build?: string
      pull_policy?: string
      ulimits?: { nofile?: number }
      environment?: Record<string, string>
      depends_on?: Record<string, { condition: string }>
      healthcheck?: object
      stop_grace_period?: string
      volumes?: string[]
      deploy?: { resources?: { limits?: { memory?: string } } }
    }
  >
}

/** The server's whole source as one text. */
async function readSource(): Promise<string> {
  const names = await readdir(new URL('src/', ROOT), { recursive: true })
  const own = names.filter((name) => name.endsWith('.ts') && !name.includes('generated'))
  return (await Promise.all(own.map((name) => read(`src/${name}`)))).join('\n')
}

/** The anchors that GitHub derives from headings. */
function toAnchors(page: string): string[] {
  const headings = [...page.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    (heading ?? '')
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )
  return [...headings, ...[...page.matchAll(/<a id="([^"]+)">/g)].map(([, id = '']) => id)]
}
