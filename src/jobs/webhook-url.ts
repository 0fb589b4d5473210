import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'

/**
 * The URLs that fal's webhooks call, one per job.
 * @param options - `publicUrl`: the URL under which fal reaches this server. `secret`: fal's API key, which all instances
 *   share, so they agree without another setting; URLs made with an earlier key are refused
 */
export function createWebhookUrls({ publicUrl, secret }: { publicUrl: string; secret: string }) {
  // A derived key: a URL that leaks reveals nothing about the secret.
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'reelay webhook address', 32))
  const toMac = (jobId: string) => createHmac('sha256', key).update(jobId).digest('base64url')
  return {
    /** Names the job and proves that this server made the URL. A secret between fal and us: it could forge deliveries. */
    toUrl: (jobId: string): string =>
      `${publicUrl}/webhooks/fal?${new URLSearchParams({ job: jobId, mac: toMac(jobId) })}`,
    /** True when `mac` is the proof in the job's URL. Takes equally long for a wrong proof and the right one. */
    verify: (jobId: string, mac: string): boolean => {
      // Compared as text: several texts decode to the same bytes.
      const [expected, given] = [Buffer.from(toMac(jobId)), Buffer.from(mac)]
      return given.byteLength === expected.byteLength && timingSafeEqual(given, expected)
    },
  }
}
