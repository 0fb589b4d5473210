import { jobOfUpdate, logsOfUpdate, messageOfLine, updateCursor } from '../resolvers/updates.ts'
import type { LogLevel as LogLevelName, LogLine as LogLineShape, Update } from '../updates/update.ts'
import { builder, describedEnum, PRICES } from './builder.ts'
import { Job, JobStatus } from './job.ts'

const LogLevel = describedEnum<LogLevelName>('LogLevel', 'The severity of a log line.', {
  DEBUG: 'Details for debugging.',
  INFO: 'Informational.',
  WARN: 'Something unexpected happened, and generation continued.',
  ERROR: 'Something failed.',
})

const LogLine = builder.objectRef<LogLineShape>('LogLine').implement({
  description: 'A line of text that the model wrote to its log.',
  fields: (t) => ({
    at: t.field({
      type: 'DateTime',
      nullable: true,
      description: "When the line was written, by fal's clock. Null when fal reports no time.",
      resolve: ({ at }) => (at === null ? null : new Date(at)),
    }),
    level: t.expose('level', { type: LogLevel, description: 'The severity of the line.' }),
    message: t.string({ description: 'The text of the line.', resolve: messageOfLine }),
  }),
})

export const JobUpdate = builder.objectRef<Update>('JobUpdate')

JobUpdate.implement({
  description: "One entry in the history of a job: a status from fal's queue, or a change on this server.",
  fields: (t) => ({
    cursor: t.string({
      description: 'Opaque position in the history. Pass it as `after` to continue from here.',
      resolve: updateCursor,
    }),
    sequence: t.exposeInt('sequence', {
      description: 'The number of the update within its job: 1, 2, 3, … without gaps.',
    }),
    at: t.expose('at', { type: 'DateTime', description: 'When this server stored the update.' }),
    status: t.expose('status', { type: JobStatus, description: 'The status of the job as of this update.' }),
    queuePosition: t.exposeInt('queuePosition', {
      nullable: true,
      description:
        'The number of requests ahead in the queue of fal; 0 is next. Null unless QUEUED, or until fal reports a position.',
    }),
    logs: t.field({
      type: [LogLine],
      description:
        'The log lines since the previous update. In the first update of a subscription without `after`: all lines so far.',
      complexity: { field: 1, multiplier: PRICES.logLines },
      resolve: logsOfUpdate,
    }),
    progress: t.exposeFloat('progress', {
      nullable: true,
      description:
        'Progress from 0 to 1, read from log lines such as "12/25"; 1 once SUCCEEDED. Null when unknown; never estimated.',
    }),
    missed: t.exposeInt('missed', {
      description: 'How many updates after the `after` cursor were already deleted by retention. Otherwise 0.',
    }),
    job: t.field({ type: Job, description: 'The current state of the job.', resolve: jobOfUpdate }),
  }),
})
