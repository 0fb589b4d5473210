import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'

/** Where fal tells what became of a job. */
export interface WebhookAddress {
  /** Names the job, and proves that we named it. It is for fal alone: who knows it can pass off one delivery for another. */
  toUrl(jobId: string): string
  /** Is `mac` the proof that we gave for the job? Takes as long for a wrong one as for the right one. */
  isOurs(jobId: string, mac: string): boolean
}

export interface WebhookAddressOptions {
  /** Where fal reaches this server; asked for each address, since the port may not be known at first. */
  publicUrl(): string
  /** fal's key, which all instances have: they agree without another setting. Addresses made with an older key are refused. */
  secret: string
}

export function createWebhookAddress({ publicUrl, secret }: WebhookAddressOptions): WebhookAddress {
  // A key of its own: what is seen of it outside says nothing about the secret.
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'reelay webhook address', 32))
  const toMac = (jobId: string) => createHmac('sha256', key).update(jobId).digest('base64url')
  return {
    toUrl: (jobId) => `${publicUrl()}/webhooks/fal?${new URLSearchParams({ job: jobId, mac: toMac(jobId) })}`,
    isOurs: (jobId, mac) => {
      // Compared as text: several texts decode to the same bytes.
      const [expected, given] = [Buffer.from(toMac(jobId)), Buffer.from(mac)]
      return given.byteLength === expected.byteLength && timingSafeEqual(given, expected)
    },
  }
}
