import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { launchBrowser } from '../test/browser/browser.ts'

/**
 * Takes screenshots of the studio in every state, at three widths and in both themes:
 * node scripts/studio-screenshots.ts http://127.0.0.1:4000 /tmp/screenshots
 * Needs a server without jobs that runs on its sandbox, and leaves its own jobs there.
 */
const [url = 'http://127.0.0.1:4000', folder = '/tmp/studio-screenshots'] = process.argv.slice(2)
const WIDTHS = [390, 820, 1440] as const
const HEIGHTS = { 390: 844, 820: 1100, 1440: 900 }

async function useSample(page: Page): Promise<void> {
  await page.locator('#image').setInputFiles('examples/rocket.png')
  await page.getByRole('img', { name: /rocket/ }).waitFor()
}

async function generateLink(page: Page, link: string): Promise<void> {
  await page.getByLabel('Or paste an image URL').fill(link)
  await page.getByRole('button', { name: 'Add', exact: true }).click()
  await generate(page)
}

/** Submits, and waits until the form accepts the next submit. */
async function generate(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Generate' }).click()
  await page.locator('.generate[aria-disabled=false]').waitFor()
}

const card = (page: Page, status: string) => page.locator(`.card[data-status=${status}]`).first()

const browser = await launchBrowser()
await mkdir(folder, { recursive: true })
try {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: 'dark' })
  const page = await context.newPage()
  page.on('console', (message) => {
    if (message.type() !== 'log') process.stderr.write(`${message.type()}: ${message.text()}\n`)
  })
  page.on('pageerror', (error) => process.stderr.write(`${error.stack}\n`))
  await page.goto(url)

  /** Takes the current page at every width and in both themes. */
  async function take(name: string, { fullPage = false } = {}): Promise<void> {
    for (const width of WIDTHS)
      for (const colorScheme of ['dark', 'light'] as const) {
        await page.setViewportSize({ width, height: HEIGHTS[width] })
        await page.emulateMedia({ colorScheme })
        await page.waitForTimeout(150)
        await page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage })
      }
    await page.setViewportSize({ width: 1440, height: 900 })
  }

  await page.getByRole('heading', { name: 'Videos' }).waitFor()
  await take('1-first')
  await useSample(page)
  await page.getByLabel('Frame rate', { exact: true }).fill('500')
  await page.getByRole('button', { name: 'Generate' }).click()
  await take('2-chosen-wrong')
  await page.getByRole('button', { name: 'Reset' }).click()
  await generate(page)
  await card(page, 'SUCCEEDED').waitFor({ timeout: 60_000 })

  for (const name of ['content-policy', 'model-error', 'invalid-input'])
    await generateLink(page, `http://sandbox.test/${name}.png`)
  await page.getByRole('button', { name: 'Remove the image' }).click()
  await useSample(page)
  await page.getByLabel('Motion', { exact: true }).fill('40')
  await generate(page)
  await page.locator('.card', { hasText: 'Motion 40' }).getByRole('button', { name: 'Cancel' }).click()
  await card(page, 'CANCELED').waitFor()
  await page.locator('.card[data-status=FAILED]').nth(2).waitFor({ timeout: 60_000 })
  await generate(page)
  await generateLink(page, 'http://sandbox.test/slow.png')
  await generateLink(page, 'http://sandbox.test/long-line.png')
  await page
    .getByText(/Step \d+ of/)
    .first()
    .waitFor({ timeout: 60_000 })
  await card(page, 'QUEUED').waitFor()
  await page.evaluate(() => scrollTo(0, 0))
  await take('3-gallery')
  await take('4-whole', { fullPage: true })
  await context.setOffline(true)
  await page.getByText('Reconnecting…').waitFor()
  await take('5-offline')
  await context.setOffline(false)
  await card(page, 'RUNNING').getByRole('link').first().click()
  await page.getByRole('dialog').getByText(/Step/).first().waitFor()
  await take('6-job-running')
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Failed' }).click()
  await card(page, 'FAILED').getByRole('link').first().click()
  await take('7-job-failed')
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Done', exact: true }).click()
  await card(page, 'SUCCEEDED').getByRole('link').first().click()
  await page.waitForTimeout(1500)
  await take('8-job-done')
  await page.keyboard.press('Escape')

  // docs/images/studio-dark.png of the README: queued, generating, done and failed jobs.
  await page.getByRole('button', { name: 'In progress' }).click()
  await page.getByText('No videos in progress').waitFor({ timeout: 90_000 })
  await page.getByRole('button', { name: 'All', exact: true }).click()
  await generateLink(page, 'http://sandbox.test/content-policy.png')
  await page.getByRole('button', { name: 'Remove the image' }).click()
  await useSample(page)
  for (const motion of ['30', '200']) {
    await page.getByLabel('Motion', { exact: true }).fill(motion)
    await generate(page)
  }
  await page.locator('.card[data-status=SUCCEEDED]', { hasText: 'Motion 200' }).first().waitFor({ timeout: 60_000 })
  await page.getByLabel('Motion', { exact: true }).fill('120')
  await generate(page)
  await card(page, 'RUNNING').waitFor({ timeout: 60_000 })
  // Submitted without the form, which keeps the image.
  await page.request.post(`${url}/graphql`, {
    data: {
      query: 'mutation { generateVideo(input: { imageUrl: "http://sandbox.test/long-line.png" }) { __typename } }',
    },
  })
  await card(page, 'QUEUED').waitFor()
  await card(page, 'RUNNING')
    .getByText(/Step \d+ of/)
    .waitFor()
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.screenshot({ path: join(folder, 'studio-dark.png') })
} finally {
  await browser.close()
}
