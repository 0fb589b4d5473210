/** CPU time that this process spends on the work, in milliseconds. Unlike elapsed time, it excludes other processes. */
export async function measureCpuMs<T>(work: () => Promise<T>): Promise<{ result: T; cpuMs: number }> {
  const before = process.cpuUsage()
  const result = await work()
  const { user, system } = process.cpuUsage(before)
  return { result, cpuMs: (user + system) / 1000 }
}
