import type { Context } from '../context.ts'
import type { Provider } from '../jobs/provider.ts'

/** Query.provider */
export function provider(_root: unknown, _args: unknown, { provider }: Context): Promise<Provider> {
  return provider.read()
}
