import type { ProviderState as State } from '../generated/prisma/enums.ts'
import type { Provider as ReadProvider } from '../jobs/provider.ts'
import { builder } from './builder.ts'

const DESCRIPTIONS: Record<State, string> = {
  AVAILABLE: 'Nothing is known to be wrong: jobs are sent as they come.',
  RATE_LIMITED: 'fal takes fewer requests than there are: jobs are sent as it takes them.',
  UNREACHABLE: 'fal cannot be reached, or does not answer as it should: jobs wait, and are sent as soon as it does.',
  KEY_REFUSED:
    "fal refuses this server's key: jobs wait until the operator has set another one, or put the account right.",
}

const ProviderState = builder.enumType('ProviderState', {
  description: 'Whether fal takes jobs. More may come.',
  values: Object.fromEntries(Object.entries(DESCRIPTIONS).map(([state, description]) => [state, { description }])) as {
    [Name in State]: { description: string }
  },
})

export const Provider = builder.objectRef<ReadProvider>('Provider').implement({
  description: 'fal, who makes the videos.',
  fields: (t) => ({
    state: t.field({ type: ProviderState, description: 'Whether fal takes jobs.', resolve: ({ state }) => state }),
    reason: t.exposeString('reason', {
      nullable: true,
      description: 'What is the matter and what to do; in English, fit to be shown. Null when AVAILABLE.',
    }),
    since: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'Since when it is so. Null when AVAILABLE.',
      resolve: ({ since }) => since,
    }),
  }),
})
