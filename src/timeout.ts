/** Rejects with an Error of this message when `work` takes longer than `timeoutMs`. The work itself goes on. */
export async function withTimeout<T>(timeoutMs: number, work: Promise<T>, message = 'timeout expired'): Promise<T> {
  const timeout = Promise.withResolvers<never>()
  const timer = setTimeout(() => timeout.reject(new Error(message)), timeoutMs)
  try {
    return await Promise.race([work, timeout.promise])
  } finally {
    clearTimeout(timer)
  }
}
