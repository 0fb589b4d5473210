import { createLogger } from '../../src/adapters/telemetry/logger.ts'
import { createApp } from '../../src/app.ts'
import type { Config } from '../../src/config.ts'

export interface TestApp {
  /** Base URL of the server. */
  url: string
  /** The name of fal in the start banner. */
  fal: string
  stop(): Promise<void>
}

export interface TestAppOptions {
  databaseUrl: string
  /** Base URL of a program that implements fal's protocol. */
  falUrl: string
  config?: Partial<Config>
}

/** The whole server in this process, on a free port, with the test's own database and fal. Logs nothing. */
export async function startTestApp({ databaseUrl, falUrl, config }: TestAppOptions): Promise<TestApp> {
  const settings: Config = {
    host: '127.0.0.1',
    port: 0,
    publicUrl: null,
    allowedOrigins: [],
    trustedHosts: [],
    databaseUrl,
    dataDir: '/nonexistent',
    fal: {
      sandbox: false,
      key: 'test-key',
      queueUrl: falUrl,
      restUrl: falUrl,
      jwksUrl: `${falUrl}/.well-known/jwks.json`,
      mediaHosts: [],
    },
    adoptionSeconds: 900,
    roles: ['api', 'worker'],
    redisUrl: null,
    updatesRetentionDays: 30,
    workerConcurrency: 1000,
    logLevel: 'silent',
    graphiql: true,
    introspection: true,
    tracing: false,
    production: false,
    ...config,
  }
  const app = createApp(settings, createLogger(settings.logLevel))
  const { url, fal } = await app.start()
  return { url, fal, stop: app.stop }
}
