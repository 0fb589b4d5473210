import { jobFeed, jobProgress } from '../resolvers/updates.ts'
import { affordable, builder, PRICES } from './builder.ts'
import { JobUpdate } from './job-update.ts'

const watchJob = affordable(jobProgress)
const watchFeed = affordable(jobFeed)

builder.subscriptionType({
  description: 'Follow jobs live.',
  fields: (t) => ({
    jobProgress: t.field({
      type: JobUpdate,
      description:
        'The updates of a job, in order, each exactly once, across any number of reconnects. Without `after`: first an update with the current state, then every later update. With `after`: every update after that cursor. Completes after the update that ends the job.',
      args: {
        id: t.arg.id({ required: true, description: 'The `id` of the job.' }),
        after: t.arg.string({ description: 'The `cursor` of the last update you received, or of the job.' }),
      },
      complexity: { field: 1, multiplier: PRICES.subscription },
      subscribe: watchJob,
      resolve: (update) => update,
    }),
    jobFeed: t.field({
      type: JobUpdate,
      description:
        'Live updates of all your jobs, starting now. Updates are not replayed: after a reconnect, read `jobs` again.',
      complexity: { field: 1, multiplier: PRICES.subscription },
      subscribe: watchFeed,
      resolve: (update) => update,
    }),
  }),
})
