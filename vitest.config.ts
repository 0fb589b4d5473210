import { configDefaults, defineConfig } from 'vitest/config'

/** Files that are a client of servers that come and go, as a person at a browser is. */
const CLIENTS = ['test/browser/**/*.test.ts', 'test/client/reelay-client.test.ts']
/** Files that wait for minutes to pass and hold nobody to his time: something else can run meanwhile. */
const PATIENT = ['test/faults/clocks.test.ts', 'test/faults/killers.test.ts']
/** Files that start servers of their own, and hold them to their times. */
const CLUSTERS = ['test/faults/**/*.test.ts', 'test/hostile/**/*.test.ts', 'test/api/load.test.ts']
/** Those of them that mostly wait. */
const WAITERS = ['test/hostile/deaf.test.ts', 'test/hostile/slow.test.ts', 'test/hostile/vanished.test.ts']

export default defineConfig({
  // As Node resolves: graphql has a second copy behind the condition "development", and two copies do not know each other's errors.
  ssr: { resolve: { conditions: ['module', 'node'] } },
  test: {
    environment: 'node',
    pool: 'forks', // a process per file: a leaked server or a stuck native module cannot reach another file
    globalSetup: ['test/helpers/global-setup.ts'],
    maxConcurrency: 3, // tests of one file that run side by side: each has a cluster of servers
    testTimeout: 30_000,
    hookTimeout: 30_000,
    teardownTimeout: 30_000,
    reporters: ['default', './test/helpers/closing-line-reporter.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'parts',
          include: ['test/*.test.ts', 'test/!(faults|hostile|browser)/**/*.test.ts', ...PATIENT],
          exclude: [...configDefaults.exclude, 'test/client/reelay-client.test.ts', 'test/api/load.test.ts'],
          maxWorkers: 3, // the third waits: most files do, for half of their time
          sequence: { groupOrder: 0 },
        },
      },
      // One after the other, and after all else: what is measured there is the servers, not who else is at work.
      {
        extends: true,
        test: { name: 'clients', include: CLIENTS, maxWorkers: 1, testTimeout: 90_000, sequence: { groupOrder: 1 } },
      },
      {
        extends: true,
        test: {
          name: 'clusters',
          include: CLUSTERS,
          exclude: [...configDefaults.exclude, ...WAITERS, ...PATIENT],
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: { name: 'waiters', include: WAITERS, maxWorkers: WAITERS.length, sequence: { groupOrder: 3 } },
      },
    ],
  },
})
