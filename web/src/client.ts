/** The way to the server, and the one place that says which module it is. */
export { createReelayClient, ReelayRequestError, WatchError } from './placeholder-client.ts'

import type { createReelayClient } from './placeholder-client.ts'

export type ReelayClient = ReturnType<typeof createReelayClient>
