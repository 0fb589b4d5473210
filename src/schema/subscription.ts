import { jobFeed, jobProgress } from '../resolvers/updates.ts'
import { affordable, builder, PRICES } from './builder.ts'
import { JobUpdate } from './job-update.ts'

const watchJob = affordable(jobProgress)
const watchFeed = affordable(jobFeed)

builder.subscriptionType({
  description: 'What can be watched.',
  fields: (t) => ({
    jobProgress: t.field({
      type: JobUpdate,
      description:
        'Without `after`: first an update that tells the state now, then every later one. With `after`: every update after it, then\nlive. In order, each exactly once, over any number of reconnects. Completes after the update that ends the job.',
      args: {
        id: t.arg.id({ required: true, description: 'The `id` of the job.' }),
        after: t.arg.string({ description: 'The `cursor` of the last update that you have, or of the job.' }),
      },
      complexity: { field: 1, multiplier: PRICES.subscription },
      subscribe: watchJob,
      resolve: (update) => update,
    }),
    jobFeed: t.field({
      type: JobUpdate,
      description:
        'Live updates of all jobs that the viewer may see, from now on. After a reconnect, read `jobs` again.',
      complexity: { field: 1, multiplier: PRICES.subscription },
      subscribe: watchFeed,
      resolve: (update) => update,
    }),
  }),
})
