import { configDefaults, defineConfig } from 'vitest/config'

/** Files whose client runs against servers that restart, like a person at a browser. */
const CLIENTS = ['test/browser/**/*.test.ts', 'test/client/reelay-client.test.ts']
/** Files of CLUSTERS that mostly wait for claims to lapse. */
const TAKEOVERS = ['test/faults/clocks.test.ts', 'test/faults/killers.test.ts', 'test/faults/kills.test.ts']
/** Files that start several servers and check their timing. */
const CLUSTERS = ['test/faults/**/*.test.ts', 'test/hostile/**/*.test.ts', 'test/api/load.test.ts']
/** Files of CLUSTERS that mostly wait for timeouts of connections. */
const WAITERS = ['test/hostile/deaf.test.ts', 'test/hostile/slow.test.ts', 'test/hostile/vanished.test.ts']

export default defineConfig({
  // Resolve as Node does: the condition "development" selects a second copy of graphql, and the copies reject each other's objects.
  ssr: { resolve: { conditions: ['module', 'node'] } },
  test: {
    environment: 'node',
    pool: 'forks', // one process per file: a leaked server or a stuck native module cannot affect another file
    globalSetup: ['test/helpers/global-setup.ts'],
    maxConcurrency: 3, // concurrent tests of one file: each has its own cluster of servers
    testTimeout: 30_000,
    hookTimeout: 30_000,
    teardownTimeout: 30_000,
    reporters: ['default', './test/helpers/closing-line-reporter.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'parts',
          include: ['test/*.test.ts', 'test/!(faults|hostile|browser)/**/*.test.ts'],
          exclude: [...configDefaults.exclude, 'test/client/reelay-client.test.ts', 'test/api/load.test.ts'],
          maxWorkers: 3, // more than the 2 cores: most files wait for half of their time
          sequence: { groupOrder: 0 },
        },
      },
      // One after the other, and after all other files: these measure the servers, so nothing else may run.
      {
        extends: true,
        test: { name: 'clients', include: CLIENTS, maxWorkers: 1, testTimeout: 90_000, sequence: { groupOrder: 1 } },
      },
      {
        extends: true,
        test: {
          name: 'clusters',
          include: CLUSTERS,
          exclude: [...configDefaults.exclude, ...TAKEOVERS, ...WAITERS],
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: { name: 'takeovers', include: TAKEOVERS, maxWorkers: TAKEOVERS.length, sequence: { groupOrder: 3 } },
      },
      {
        extends: true,
        test: { name: 'waiters', include: WAITERS, maxWorkers: WAITERS.length, sequence: { groupOrder: 4 } },
      },
    ],
  },
})
