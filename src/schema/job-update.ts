import { jobOfUpdate, logsOfUpdate, messageOfLine, updateCursor } from '../resolvers/updates.ts'
import type { LogLevel as LogLevelName, LogLine as LogLineShape, Update } from '../updates/update.ts'
import { builder, PRICES } from './builder.ts'
import { Job, JobStatus } from './job.ts'

const LogLevel = builder.enumType('LogLevel', {
  description: 'How much a log line matters.',
  values: {
    DEBUG: { description: 'For those who look for a fault.' },
    INFO: { description: 'The usual.' },
    WARN: { description: 'Something was not as it should be; generating went on.' },
    ERROR: { description: 'Something failed.' },
  } satisfies Record<LogLevelName, { description: string }>,
})

const LogLine = builder.objectRef<LogLineShape>('LogLine').implement({
  description: 'A line of text that the model wrote.',
  fields: (t) => ({
    at: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it was written, by the clock of fal; null when fal did not say.',
      resolve: ({ at }) => (at === null ? null : new Date(at)),
    }),
    level: t.field({ type: LogLevel, description: 'How much it matters.', resolve: ({ level }) => level }),
    message: t.string({ description: 'The text.', resolve: messageOfLine }),
  }),
})

export const JobUpdate = builder.objectRef<Update>('JobUpdate')

JobUpdate.implement({
  description: "One line in the life of a job: what fal's queue said, or what happened here.",
  fields: (t) => ({
    cursor: t.string({
      description: 'Opaque place in the log; send it back as `after`.',
      resolve: updateCursor,
    }),
    sequence: t.exposeInt('sequence', { description: '1, 2, 3 … within the job, without gaps.' }),
    at: t.expose('at', { type: 'DateTime', description: 'When it was noted here.' }),
    status: t.field({
      type: JobStatus,
      description: 'The state of the job from this update on.',
      resolve: ({ status }) => status,
    }),
    queuePosition: t.exposeInt('queuePosition', {
      nullable: true,
      description: '0 = next. Null unless QUEUED, or while fal has not said.',
    }),
    logs: t.field({
      type: [LogLine],
      description: 'New log lines only; all lines so far in the first update of a subscription without `after`.',
      complexity: { field: 1, multiplier: PRICES.logLines },
      resolve: logsOfUpdate,
    }),
    progress: t.exposeFloat('progress', {
      nullable: true,
      description: '0 to 1 where the log tells it (e.g. 12/25), 1 once SUCCEEDED; null when unknown, never invented.',
    }),
    missed: t.exposeInt('missed', {
      description: 'Updates after `after` that retention has removed; 0 unless some are really gone.',
    }),
    job: t.field({ type: Job, description: 'The job as it is now.', resolve: jobOfUpdate }),
  }),
})
