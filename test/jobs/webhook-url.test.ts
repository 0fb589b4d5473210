import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { createWebhookUrls } from '../../src/jobs/webhook-url.ts'

const publicUrl = 'https://reelay.example.com/base'
const webhookUrls = createWebhookUrls({ publicUrl, secret: 'id:secret' })

function read(url: string) {
  const { searchParams } = new URL(url)
  return { job: searchParams.get('job') ?? '', mac: searchParams.get('mac') ?? '' }
}

test('a URL names the job and is verified by every instance with the same secret', () => {
  const jobId = randomUUID()
  const url = webhookUrls.toUrl(jobId)
  expect(url).toMatch(/^https:\/\/reelay\.example\.com\/base\/webhooks\/fal\?job=[0-9a-f-]{36}&mac=[\w-]{43}$/)
  const { job, mac } = read(url)
  expect(job).toBe(jobId)
  const elsewhere = createWebhookUrls({ publicUrl: 'http://other.example', secret: 'id:secret' })
  expect(elsewhere.verify(job, mac)).toBe(true)
})

test('a URL does not contain the secret', () => {
  expect(webhookUrls.toUrl(randomUUID())).not.toContain('secret')
})

test.each<[string, (given: { job: string; mac: string }) => { job: string; mac: string }]>([
  ['of another job', ({ mac }) => ({ job: randomUUID(), mac })],
  ['of the same job in other letters', ({ job, mac }) => ({ job: job.toUpperCase(), mac })],
  ['cut', ({ job, mac }) => ({ job, mac: mac.slice(0, -1) })],
  ['with junk', ({ job, mac }) => ({ job, mac: `${mac}A` })],
  ['padded', ({ job, mac }) => ({ job, mac: `${mac}=` })],
  ['empty', ({ job }) => ({ job, mac: '' })],
  ['of other characters in the same number', ({ job, mac }) => ({ job, mac: 'é'.repeat(mac.length) })],
  ['changed in its last bits', ({ job, mac }) => ({ job, mac: mac.slice(0, -1) + nextLetter(mac.at(-1)) })],
])('a proof that is %s is rejected', (_name, change) => {
  const { job, mac } = change(read(webhookUrls.toUrl('01993a5e-0000-7000-8000-00000000abcd')))
  expect(webhookUrls.verify(job, mac)).toBe(false)
})

test('a proof made with another secret is rejected', () => {
  const { job, mac } = read(createWebhookUrls({ publicUrl, secret: 'id:other' }).toUrl(randomUUID()))
  expect(webhookUrls.verify(job, mac)).toBe(false)
})

/** Two bits of the last letter of 32 bytes are unused: its neighbour may decode to the same bytes. */
function nextLetter(letter = ''): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return letters[(letters.indexOf(letter) ^ 1) % 64] ?? ''
}
