import type { ProviderState as State } from '../generated/prisma/enums.ts'
import type { Provider as ReadProvider } from '../jobs/provider.ts'
import { builder, describedEnum } from './builder.ts'

const ProviderState = describedEnum<State>('ProviderState', 'Whether fal accepts jobs. New states may be added.', {
  AVAILABLE: 'No problem is known. Jobs are submitted immediately.',
  RATE_LIMITED: 'fal limits the number of requests. Jobs wait and are submitted as fal accepts them.',
  UNREACHABLE: 'fal is unreachable or fails. Jobs wait and are submitted once fal recovers.',
  KEY_REFUSED: "fal rejects this server's API key. Jobs wait until the operator sets a valid key or fixes the account.",
})

export const Provider = builder.objectRef<ReadProvider>('Provider').implement({
  description: 'fal, the service that generates the videos.',
  fields: (t) => ({
    state: t.expose('state', { type: ProviderState, description: 'Whether fal accepts jobs.' }),
    reason: t.exposeString('reason', {
      nullable: true,
      description: 'The problem and how to resolve it, in English, suitable for display. Null when AVAILABLE.',
    }),
    since: t.expose('since', {
      type: 'DateTime',
      nullable: true,
      description: 'When the problem began. Null when AVAILABLE.',
    }),
  }),
})
