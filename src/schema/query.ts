import { job, listJobs } from '../resolvers/jobs.ts'
import { provider } from '../resolvers/provider.ts'
import { builder, PRICES, pageComplexity } from './builder.ts'
import { Job, JobStatus } from './job.ts'
import { Provider } from './provider.ts'

const JobFilter = builder.inputType('JobFilter', {
  description: 'Which jobs to list: those that meet every condition given.',
  fields: (t) => ({
    status: t.field({ type: [JobStatus], description: 'In one of these states.' }),
    createdAfter: t.field({ type: 'DateTime', description: 'Saved later than this.' }),
    createdBefore: t.field({ type: 'DateTime', description: 'Saved earlier than this.' }),
  }),
})

builder.queryType({ description: 'What can be read.' })

builder.queryField('job', (t) =>
  t.field({
    type: Job,
    nullable: true,
    description: 'A job by its id; null, with a JOB_NOT_FOUND error, when there is no such job that you may see.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of the job.' }) },
    complexity: PRICES.row,
    resolve: job,
  }),
)

builder.queryField('jobs', (t) =>
  t.connection(
    {
      type: Job,
      description: 'Newest first. `first` or `last` of 1 to 100, 20 if neither is given.',
      args: { filter: t.arg({ type: JobFilter, description: 'Which jobs; all if not given.' }) },
      complexity: (page) => pageComplexity(page),
      resolve: listJobs,
    },
    {
      name: 'JobConnection',
      description: 'A page of the list of jobs.',
      fields: (t) => ({
        totalCount: t.int({
          description: 'How many jobs there are on all pages.',
          resolve: ({ totalCount }) => totalCount(),
        }),
      }),
    },
    { name: 'JobEdge', description: 'A job and its place in the list.' },
  ),
)

builder.queryField('provider', (t) =>
  t.field({
    type: Provider,
    description: 'Whether fal takes jobs now, and why not: what all processes of this server know of it.',
    complexity: PRICES.row,
    resolve: provider,
  }),
)
