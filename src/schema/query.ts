import { job, listJobs } from '../resolvers/jobs.ts'
import { provider } from '../resolvers/provider.ts'
import { builder, PRICES, pageComplexity } from './builder.ts'
import { Job, JobStatus } from './job.ts'
import { Provider } from './provider.ts'

const JobFilter = builder.inputType('JobFilter', {
  description: 'Selects the jobs that meet every given condition.',
  fields: (t) => ({
    status: t.field({ type: [JobStatus], description: 'Only jobs with one of these statuses.' }),
    createdAfter: t.field({ type: 'DateTime', description: 'Only jobs created after this instant.' }),
    createdBefore: t.field({ type: 'DateTime', description: 'Only jobs created before this instant.' }),
  }),
})

builder.queryType({ description: 'Read jobs and videos.' })

builder.queryField('job', (t) =>
  t.field({
    type: Job,
    nullable: true,
    description: 'The job with this id. Null, with a JOB_NOT_FOUND error, when it does not exist or is not yours.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of the job.' }) },
    complexity: PRICES.row,
    resolve: job,
  }),
)

builder.queryField('jobs', (t) =>
  t.connection(
    {
      type: Job,
      description: 'Your jobs, newest first. `first` or `last` may be 1 to 100; the default is `first: 20`.',
      args: { filter: t.arg({ type: JobFilter, description: 'Selects the jobs. If omitted, all jobs.' }) },
      complexity: (page) => pageComplexity(page),
      resolve: listJobs,
    },
    {
      name: 'JobConnection',
      description: 'A page of the list of jobs.',
      fields: (t) => ({
        totalCount: t.int({
          description: 'The number of jobs on all pages.',
          resolve: ({ totalCount }) => totalCount(),
        }),
      }),
    },
    { name: 'JobEdge', description: 'A job and its cursor.' },
  ),
)

builder.queryField('provider', (t) =>
  t.field({
    type: Provider,
    description: 'Whether fal accepts jobs at the moment, as seen by all processes of this installation.',
    complexity: PRICES.row,
    resolve: provider,
  }),
)
