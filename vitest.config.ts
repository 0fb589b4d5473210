import { defineConfig } from 'vitest/config'

export default defineConfig({
  // As Node resolves: graphql has a second copy behind the condition "development", and two copies do not know each other's errors.
  ssr: { resolve: { conditions: ['module', 'node'] } },
  test: {
    include: ['test/**/*.test.ts'],
    environment: 'node',
    pool: 'forks', // a process per file: a leaked server or a stuck native module cannot reach another file
    maxWorkers: 2, // every file has a database in the one Postgres; more processes only wait for each other
    globalSetup: ['test/helpers/global-setup.ts'],
    maxConcurrency: 3, // tests of one file that run side by side: each has a cluster of servers
    testTimeout: 30_000,
    hookTimeout: 30_000,
    teardownTimeout: 30_000,
    reporters: ['default', './test/helpers/closing-line-reporter.ts'],
  },
})
