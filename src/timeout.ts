/** Rejects with `error` when `work` takes longer than `timeoutMs`. The work itself is not aborted. */
export async function withTimeout<T>(timeoutMs: number, work: Promise<T>, error: Error): Promise<T> {
  const timeout = Promise.withResolvers<never>()
  const timer = setTimeout(() => timeout.reject(error), timeoutMs)
  try {
    return await Promise.race([work, timeout.promise])
  } finally {
    clearTimeout(timer)
  }
}
