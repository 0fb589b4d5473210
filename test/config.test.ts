import { describe, expect, test } from 'vitest'
import { readConfig } from '../src/config.ts'
import { StartError } from '../src/errors.ts'

type Environment = Record<string, string | undefined>

const PRODUCTION = { NODE_ENV: 'production', FAL_KEY: 'id:secret', DATABASE_URL: 'postgres://db/reelay' }

function problemsOf(environment: Environment): string {
  try {
    readConfig(environment)
  } catch (error) {
    if (error instanceof StartError) return error.message
    throw error
  }
  return ''
}

describe('with no settings', () => {
  test('the server runs on this machine with an embedded database and the sandbox', () => {
    expect(readConfig({})).toEqual({
      host: '127.0.0.1',
      port: 4000,
      publicUrl: null,
      allowedOrigins: [],
      trustedHosts: [],
      databaseUrl: null,
      dataDir: '.reelay',
      fal: { sandbox: true, mediaHosts: ['fal.media', '*.fal.media'] },
      adoptionSeconds: 900,
      roles: ['api', 'worker'],
      redisUrl: null,
      updatesRetentionDays: 30,
      workerConcurrency: 1000,
      logLevel: 'info',
      graphiql: true,
      introspection: true,
      tracing: false,
      production: false,
    })
  })

  test('an empty value counts as unset', () => {
    const names = [
      'HOST',
      'PORT',
      'PUBLIC_URL',
      'ALLOWED_ORIGINS',
      'TRUSTED_HOSTS',
      'DATABASE_URL',
      'DATA_DIR',
      'FAL_KEY',
      'FAL_QUEUE_URL',
      'FAL_REST_URL',
      'FAL_JWKS_URL',
      'FAL_MEDIA_HOSTS',
      'SUBMIT_ADOPTION_SECONDS',
      'ROLES',
      'REDIS_URL',
      'UPDATES_RETENTION_DAYS',
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
      'WORKER_CONCURRENCY',
      'LOG_LEVEL',
      'NODE_ENV',
      'GRAPHIQL',
      'INTROSPECTION',
    ]
    expect(readConfig(Object.fromEntries(names.map((name) => [name, ''])))).toEqual(readConfig({}))
  })

  test('unknown variables are ignored', () => {
    expect(readConfig({ PATH: '/bin', HOME: '/home', UNHEARD_OF: '1' })).toEqual(readConfig({}))
  })
})

describe('valid settings are read', () => {
  test.each<[Environment, object]>([
    [
      { HOST: '::1', PORT: '0' },
      { host: '::1', port: 0 },
    ],
    [{ PORT: '65535' }, { port: 65535 }],
    [{ PUBLIC_URL: 'https://reelay.example/api/' }, { publicUrl: 'https://reelay.example/api' }],
    [
      { ALLOWED_ORIGINS: ' https://App.Example.com:443 , http://10.0.0.7:8080, http://[::1]:3000,' },
      { allowedOrigins: ['https://app.example.com', 'http://10.0.0.7:8080', 'http://[::1]:3000'] },
    ],
    [
      {
        ALLOWED_ORIGINS:
          'tauri://localhost,capacitor://localhost,ionic://localhost,app://obsidian.md,chrome-extension://abcdefghijklmnop,moz-extension://0C5B5A4E-1b1c-4c5e-9d0e-000000000000',
      },
      {
        allowedOrigins: [
          'tauri://localhost',
          'capacitor://localhost',
          'ionic://localhost',
          'app://obsidian.md',
          'chrome-extension://abcdefghijklmnop',
          'moz-extension://0c5b5a4e-1b1c-4c5e-9d0e-000000000000',
        ],
      },
    ],
    [
      { TRUSTED_HOSTS: 'api, reelay.internal:4000,[fd00::5]' },
      { trustedHosts: ['api', 'reelay.internal:4000', '[fd00::5]'] },
    ],
    [
      { DATABASE_URL: 'postgresql://u:p@db:5432/reelay?sslmode=require' },
      { databaseUrl: 'postgresql://u:p@db:5432/reelay?sslmode=require' },
    ],
    [{ DATABASE_URL: 'embedded' }, { databaseUrl: null }],
    [{ DATA_DIR: '/var/lib/reelay' }, { dataDir: '/var/lib/reelay' }],
    [{ ROLES: 'worker' }, { roles: ['worker'] }],
    [{ ROLES: ' worker , api,worker' }, { roles: ['worker', 'api'] }],
    [{ REDIS_URL: 'rediss://:p@cache:6380/1' }, { redisUrl: 'rediss://:p@cache:6380/1' }],
    [{ UPDATES_RETENTION_DAYS: '1' }, { updatesRetentionDays: 1 }],
    [{ SUBMIT_ADOPTION_SECONDS: '45' }, { adoptionSeconds: 45 }],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' }, { tracing: true }],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:4318/v1/traces' }, { tracing: true }],
    [{ WORKER_CONCURRENCY: '1' }, { workerConcurrency: 1 }],
    [{ WORKER_CONCURRENCY: '10000' }, { workerConcurrency: 10_000 }],
    [{ LOG_LEVEL: 'silent' }, { logLevel: 'silent' }],
    [
      { GRAPHIQL: 'false', INTROSPECTION: 'false' },
      { graphiql: false, introspection: false },
    ],
    [{ NODE_ENV: 'test' }, { production: false }],
  ])('%j', (environment, part) => {
    expect(readConfig(environment)).toMatchObject(part)
  })

  test('a key selects the real fal', () => {
    expect(readConfig({ FAL_KEY: 'id:secret' }).fal).toEqual({
      sandbox: false,
      key: 'id:secret',
      queueUrl: 'https://queue.fal.run',
      restUrl: 'https://rest.fal.ai',
      jwksUrl: 'https://rest.fal.ai/.well-known/jwks.json',
      mediaHosts: ['fal.media', '*.fal.media'],
    })
  })

  test('base URLs of fal lose their trailing slash; hosts are a list', () => {
    const environment = {
      FAL_KEY: 'k',
      FAL_QUEUE_URL: 'http://127.0.0.1:9000/',
      FAL_REST_URL: 'http://127.0.0.1:9000/rest//',
      FAL_MEDIA_HOSTS: ' fal.media , cdn.example ,',
    }
    expect(readConfig(environment).fal).toEqual({
      sandbox: false,
      key: 'k',
      queueUrl: 'http://127.0.0.1:9000',
      restUrl: 'http://127.0.0.1:9000/rest',
      jwksUrl: 'https://rest.fal.ai/.well-known/jwks.json',
      mediaHosts: ['fal.media', 'cdn.example'],
    })
  })

  test('the sandbox can be selected by name, even with a key', () => {
    expect(readConfig({ FAL_KEY: 'k', FAL_QUEUE_URL: 'sandbox' }).fal).toMatchObject({ sandbox: true })
  })
})

describe('in production', () => {
  test('GraphiQL and introspection are off unless enabled', () => {
    expect(readConfig(PRODUCTION)).toMatchObject({ production: true, graphiql: false, introspection: false })
    expect(readConfig({ ...PRODUCTION, GRAPHIQL: 'true', INTROSPECTION: 'true' })).toMatchObject({
      graphiql: true,
      introspection: true,
    })
  })

  test('the sandbox and the embedded database must be selected by name', () => {
    const problems = problemsOf({ NODE_ENV: 'production' })
    expect(problems).toContain('FAL_KEY is missing')
    expect(problems).toContain('FAL_QUEUE_URL=sandbox')
    expect(problems).toContain('DATABASE_URL is missing')
    expect(problems).toContain('DATABASE_URL=embedded')
    expect(readConfig({ NODE_ENV: 'production', FAL_QUEUE_URL: 'sandbox', DATABASE_URL: 'embedded' })).toMatchObject({
      databaseUrl: null,
      fal: { sandbox: true },
    })
  })
})

describe('invalid settings are rejected', () => {
  test.each<[Environment, string]>([
    [{ PORT: 'http' }, 'PORT must be'],
    [{ PORT: '-1' }, 'PORT must be'],
    [{ PORT: '65536' }, 'PORT must be'],
    [{ PORT: '80.5' }, 'PORT must be'],
    [{ PORT: ' ' }, 'PORT must be'],
    [{ PUBLIC_URL: 'reelay.example' }, 'PUBLIC_URL must be an absolute http or https URL'],
    [{ PUBLIC_URL: 'ftp://reelay.example' }, 'PUBLIC_URL must be an absolute http or https URL'],
    [{ PUBLIC_URL: 'https://reelay.example/?a=1' }, 'PUBLIC_URL must not contain a user, a password, a query'],
    [{ TRUSTED_HOSTS: '*' }, 'TRUSTED_HOSTS must be host names'],
    [{ TRUSTED_HOSTS: '*.example.com' }, 'TRUSTED_HOSTS must be host names'],
    [{ TRUSTED_HOSTS: 'https://api' }, 'TRUSTED_HOSTS must be host names'],
    [{ TRUSTED_HOSTS: 'user@api' }, 'TRUSTED_HOSTS must be host names'],
    [{ ALLOWED_ORIGINS: '*' }, 'ALLOWED_ORIGINS cannot be "*": list each origin'],
    [{ ALLOWED_ORIGINS: 'null' }, 'ALLOWED_ORIGINS cannot be "null", which every local file'],
    [{ ALLOWED_ORIGINS: 'tauri://localhost/' }, 'must be exact origins'],
    [{ ALLOWED_ORIGINS: 'tauri://*' }, 'must be exact origins'],
    [{ ALLOWED_ORIGINS: 'file://localhost' }, 'must be exact origins'],
    [{ ALLOWED_ORIGINS: 'wss://app.example.com' }, 'must be exact origins'],
    [{ ALLOWED_ORIGINS: 'app.example.com' }, 'must be exact origins without a path'],
    [{ ALLOWED_ORIGINS: 'https://*.example.com' }, 'must be exact origins without a path'],
    [{ ALLOWED_ORIGINS: 'https://app.example.com/' }, 'must be exact origins without a path'],
    [{ ALLOWED_ORIGINS: 'https://app.example.com/api' }, 'must be exact origins without a path'],
    [{ ALLOWED_ORIGINS: 'ftp://app.example.com' }, 'must be exact origins without a path'],
    [{ ALLOWED_ORIGINS: 'https://u:p@app.example.com' }, 'must be exact origins without a path'],
    [{ ALLOWED_ORIGINS: 'https://app.example.com:99999' }, 'must be exact origins without a path'],
    [{ ALLOWED_ORIGINS: 'https://a.example, b.example' }, 'cannot start: ALLOWED_ORIGINS must be exact origins'],
    [{ FAL_KEY: 'k', FAL_QUEUE_URL: 'queue.fal.run' }, 'FAL_QUEUE_URL must be an absolute http or https URL'],
    [{ FAL_KEY: 'two words' }, 'FAL_KEY must be one word'],
    [{ FAL_KEY: 'k', FAL_QUEUE_URL: 'https://user:hunter2@queue.fal.run' }, 'FAL_QUEUE_URL must be'],
    [{ FAL_KEY: 'k', FAL_REST_URL: 'x' }, 'FAL_REST_URL must be an absolute http or https URL'],
    [{ FAL_QUEUE_URL: 'https://queue.fal.run' }, 'FAL_KEY is missing: set it, or unset FAL_QUEUE_URL'],
    [{ ALLOWED_ORIGINS: 'https://a.example, b.example, c.example/' }, ': entries 2, 3 break this rule'],
    [{ TRUSTED_HOSTS: 'a,b,https://c' }, ': entry 3 breaks this rule'],
    [{ FAL_KEY: '"id:secret"' }, 'cannot start: FAL_KEY is in quotes, which are part of the value: remove them'],
    [{ PORT: "'4000'" }, 'cannot start: PORT is in quotes, which are part of the value: remove them'],
    [{ FAL_MEDIA_HOSTS: 'https://fal.media/' }, 'must be host names without a port'],
    [{ FAL_MEDIA_HOSTS: 'fal.media:443' }, 'must be host names without a port'],
    [{ ROLES: 'api,cook' }, 'cannot start: ROLES must be api, worker, or both'],
    [{ ROLES: ',' }, 'ROLES must name api, worker, or both'],
    [{ REDIS_URL: 'localhost:6379' }, 'REDIS_URL must be a redis:// or rediss:// URL'],
    [
      { REDIS_URL: 'redis://:a/b@cache:6379' },
      'REDIS_URL is not a valid URL: characters such as # / ? in the password',
    ],
    [
      { REDIS_URL: 'redis://:a#b@cache:6379' },
      'REDIS_URL is not a valid URL: characters such as # / ? in the password',
    ],
    [{ UPDATES_RETENTION_DAYS: '0' }, 'UPDATES_RETENTION_DAYS must be a whole number of days from 1 to 3650'],
    [{ SUBMIT_ADOPTION_SECONDS: '44' }, 'SUBMIT_ADOPTION_SECONDS must be a whole number of seconds from 45 to 7200'],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'here' }, 'OTEL_EXPORTER_OTLP_ENDPOINT must be an absolute http or https URL'],
    [{ WORKER_CONCURRENCY: '0' }, 'WORKER_CONCURRENCY must be a whole number from 1 to 10000'],
    [{ WORKER_CONCURRENCY: '10001' }, 'WORKER_CONCURRENCY must be a whole number from 1 to 10000'],
    [{ WORKER_CONCURRENCY: 'many' }, 'WORKER_CONCURRENCY must be a whole number'],
    [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL must be one of trace, debug'],
    [{ GRAPHIQL: 'maybe' }, 'GRAPHIQL must be true or false'],
    [
      { INTROSPECTION: '2' },
      'INTROSPECTION must be true or false (or 1, yes, y, on, enabled, or 0, no, n, off, disabled)',
    ],
  ])('%j', (environment, problem) => {
    expect(problemsOf(environment)).toContain(problem)
  })

  test('all problems are reported together, one per line', () => {
    const problems = problemsOf({
      PORT: 'x',
      PUBLIC_URL: 'x',
      ALLOWED_ORIGINS: 'x',
      TRUSTED_HOSTS: '*',
      DATABASE_URL: 'x',
      FAL_QUEUE_URL: 'x',
      FAL_REST_URL: 'x',
      FAL_JWKS_URL: 'x',
      FAL_MEDIA_HOSTS: '/',
      SUBMIT_ADOPTION_SECONDS: 'x',
      ROLES: 'x',
      REDIS_URL: 'x',
      UPDATES_RETENTION_DAYS: 'x',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'x',
      WORKER_CONCURRENCY: 'x',
      LOG_LEVEL: 'x',
      GRAPHIQL: 'x',
      INTROSPECTION: 'x',
    })
    expect(problems.split('\n').map((line) => line.split(' must ')[0])).toEqual([
      'cannot start:',
      ...[
        'PORT',
        'PUBLIC_URL',
        'ALLOWED_ORIGINS',
        'TRUSTED_HOSTS',
        'DATABASE_URL',
        'FAL_QUEUE_URL',
        'FAL_REST_URL',
        'FAL_JWKS_URL',
        'FAL_MEDIA_HOSTS',
        'SUBMIT_ADOPTION_SECONDS',
        'ROLES',
        'REDIS_URL',
        'UPDATES_RETENTION_DAYS',
        'WORKER_CONCURRENCY',
        'LOG_LEVEL',
        'GRAPHIQL',
        'INTROSPECTION',
        'OTEL_EXPORTER_OTLP_ENDPOINT',
      ].map((name) => `- ${name}`),
      '- FAL_KEY is missing: set it, or unset FAL_QUEUE_URL to use the local sandbox',
    ])
  })

  test('missing and invalid settings are reported together', () => {
    const problems = problemsOf({ NODE_ENV: 'production', PORT: 'x' })
    for (const name of ['PORT', 'FAL_KEY', 'DATABASE_URL']) expect(problems).toContain(name)
  })

  test('no message repeats a value, which may be a misplaced secret', () => {
    const secret = 'hunter2'
    const names = [
      'PORT',
      'PUBLIC_URL',
      'ALLOWED_ORIGINS',
      'TRUSTED_HOSTS',
      'DATABASE_URL',
      'FAL_QUEUE_URL',
      'FAL_REST_URL',
      'FAL_JWKS_URL',
      'SUBMIT_ADOPTION_SECONDS',
      'ROLES',
      'REDIS_URL',
      'UPDATES_RETENTION_DAYS',
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      'WORKER_CONCURRENCY',
      'LOG_LEVEL',
      'GRAPHIQL',
      'INTROSPECTION',
    ]
    const problems = problemsOf({
      ...Object.fromEntries(names.map((name) => [name, `x://${secret}`])),
      FAL_MEDIA_HOSTS: `//${secret}`,
      FAL_KEY: secret,
    })
    expect(problems).toContain('DATABASE_URL')
    expect(problems).not.toContain(secret)
    expect(problemsOf({ FAL_KEY: secret, PORT: 'x' })).not.toContain(secret)
  })
})
