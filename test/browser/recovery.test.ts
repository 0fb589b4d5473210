import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { GenerateVideoDocument, ListJobsDocument } from '../../operations/generated/graphql.ts'
import { startFaultProxy } from '../helpers/fault-proxy.ts'
import { request } from '../helpers/graphql-client.ts'
import { until } from '../helpers/until.ts'
import { noNginx, startNginx } from '../helpers/web-proxies.ts'
import { noBrowser } from './browser.ts'
import { type BrowserRig, cards, countCards, generate, generateFrom, openBrowserRig, ROCKET } from './rig.ts'

describe.skipIf(noBrowser !== null)('a job in the studio', () => {
  let rig: BrowserRig

  beforeAll(async () => {
    rig = await openBrowserRig({ stepMs: 100 })
  }, 60_000)

  afterAll(async () => {
    await rig?.close()
  })

  const slowCard = (page: Page) => page.locator('.card', { hasText: 'slow.png' }).first()

  /** The current step of the newest slow job. */
  async function readStep(page: Page): Promise<number> {
    const text = await slowCard(page)
      .getByText(/Step \d+ of 100/)
      .textContent()
    return Number(/Step (\d+)/.exec(text ?? '')?.[1])
  }

  async function startSlow(page: Page): Promise<void> {
    await page.getByRole('heading', { name: 'Videos' }).waitFor()
    await generateFrom(page, 'http://sandbox.test/slow.png')
    await until(async () => (await readStep(page)) > 3, { timeoutMs: 20_000, what: 'the job to make steps' })
  }

  async function end(page: Page): Promise<void> {
    await slowCard(page).getByRole('button', { name: 'Cancel' }).click()
    await slowCard(page).getByRole('button', { name: 'Try again' }).waitFor()
  }

  /** Expects every step in the card's log, once and in order. */
  async function expectWholeLog(page: Page): Promise<void> {
    const lines = await slowCard(page).locator('.log li').allTextContents()
    const steps = lines.flatMap((line) => /^Step (\d+)\/100$/.exec(line)?.[1] ?? []).map(Number)
    expect(steps).toEqual(Array.from({ length: steps.length }, (_, index) => index + 1))
    expect(steps.length).toBeGreaterThan(3)
  }

  test('continues after a reload', async () => {
    const { page, context, errors } = await rig.open()
    await startSlow(page)
    const before = await readStep(page)
    await page.reload()
    await until(async () => (await readStep(page)) > before, { timeoutMs: 10_000 })
    await expectWholeLog(page)
    await end(page)
    expect(errors).toEqual([])
    await context.close()
  })

  test('continues after a network outage, which the page shows', async () => {
    const { page, context, errors } = await rig.open()
    await startSlow(page)
    await context.setOffline(true)
    await page.getByText('Reconnecting…').waitFor()

    // A failed submit keeps the image.
    await page.locator('#image').setInputFiles(ROCKET)
    await page.getByRole('img', { name: 'Chosen: rocket.png' }).waitFor()
    await page.getByRole('button', { name: 'Generate' }).click()
    await page.getByText('Your image and settings are kept').waitFor()
    await page.getByRole('img', { name: 'Chosen: rocket.png' }).waitFor()
    await slowCard(page).getByRole('button', { name: 'Cancel' }).click()
    await until(async () => (await page.getByText('The server is unreachable').count()) === 2)
    await page.setViewportSize({ width: 360, height: 740 })
    const errorToast = await page.locator('.toast-error').boundingBox()
    const offlineToast = await page.locator('.toast', { hasText: 'Reconnecting…' }).boundingBox()
    expect((errorToast?.y ?? Infinity) + (errorToast?.height ?? 0)).toBeLessThan(offlineToast?.y ?? 0)
    await page.setViewportSize({ width: 1280, height: 900 })

    const before = await readStep(page)
    await context.setOffline(false)
    await page.getByText('Reconnecting…').waitFor({ state: 'detached', timeout: 30_000 })
    await until(async () => (await readStep(page)) > before, { timeoutMs: 20_000 })
    // Reconnecting clears the errors about the connection.
    expect(await page.getByText('The server is unreachable').count()).toBe(0)
    await expectWholeLog(page)
    await end(page)
    expect(errors).toEqual([])
    await context.close()
  }, 60_000)

  test.each(['cut', 'blackhole'] as const)(
    'continues after a connection failure of kind %s',
    async (mode) => {
      const proxy = await startFaultProxy({ port: Number(new URL(rig.url).port) })
      const { page, context, errors } = await rig.open(proxy.through(rig.url))
      try {
        await startSlow(page)
        proxy.mode = mode
        await page.getByText('Reconnecting…').waitFor({ timeout: 30_000 })
        const before = await readStep(page)
        proxy.mode = 'pass'
        await page.getByText('Reconnecting…').waitFor({ state: 'detached', timeout: 30_000 })
        await until(async () => (await readStep(page)) > before, { timeoutMs: 20_000 })
        await expectWholeLog(page)
        await end(page)
        expect(errors).toEqual([])
      } finally {
        await context.close()
        await proxy.stop()
      }
    },
    90_000,
  )

  test.skipIf(noNginx !== null)('reaches its video without WebSockets, and the page shows the transport', async () => {
    const { host } = new URL(rig.url)
    const proxy = await startNginx(
      (port) => `client_max_body_size 15m;
        server { listen 127.0.0.1:${port}; location / { proxy_pass http://${host}; proxy_set_header Host $http_host; } }`,
    )
    const { page, context } = await rig.open(proxy.url)
    try {
      const succeeded = page.locator('.card[data-status=SUCCEEDED]')
      const before = await countCards(page).then(() => succeeded.count())
      await generate(page)
      await page.getByText('Live updates use server-sent events').waitFor({ timeout: 40_000 })
      // Of many jobs at once some use polling; the page follows all of them.
      const input = { imageUrl: 'https://example.com/rocket.png' }
      await Promise.all([0, 1, 2].map(() => request(rig.url, GenerateVideoDocument, { input })))
      await until(async () => (await succeeded.count()) === before + 4, {
        timeoutMs: 60_000,
        what: 'all of them to end',
      })
      expect(await page.getByText('Reconnecting…').count()).toBe(0)
    } finally {
      await context.close()
      await proxy.stop()
    }
  })

  test('continues after the server was killed and restarted', async () => {
    const { page, context, errors } = await rig.open()
    await startSlow(page)
    await rig.restart()
    await until(async () => (await slowCard(page).getAttribute('data-status')) === 'RUNNING')
    const before = await readStep(page)
    await until(async () => (await readStep(page)) > before, { timeoutMs: 40_000, what: 'the job to continue' })
    await expectWholeLog(page)
    await end(page)
    expect(errors).toEqual([])
    await context.close()
  }, 90_000)

  test('is the same in the tabs of two visitors', async () => {
    const first = await rig.open()
    const second = await rig.open()
    const before = await countCards(second.page)
    await startSlow(first.page)
    await until(async () => (await cards(second.page).count()) === before + 1)
    await until(async () => Math.abs((await readStep(first.page)) - (await readStep(second.page))) <= 3)
    await end(second.page)
    await slowCard(first.page).getByRole('button', { name: 'Try again' }).waitFor()
    expect([...first.errors, ...second.errors]).toEqual([])
    await Promise.all([first.context.close(), second.context.close()])
  })

  test('is not created twice when the response to the first submit was lost', async () => {
    const { page, context } = await rig.open()
    const countJobs = async () => (await request(rig.url, ListJobsDocument, {})).data.jobs.totalCount
    const before = await countJobs()
    let isLost = true
    // The server creates the job; the page gets no response.
    await page.route('**/graphql', async (route) => {
      if (!isLost || !route.request().postData()?.includes('mutation GenerateVideo')) return await route.continue()
      isLost = false
      await route.fetch()
      await route.abort('connectionreset')
    })
    await generateFrom(page, 'http://sandbox.test/model-error.png')
    await page.getByText('Your image and settings are kept').waitFor()
    await page.getByRole('button', { name: 'Generate' }).click()
    await page.getByRole('button', { name: 'Submitted' }).waitFor()
    expect(await countJobs()).toBe(before + 1)
    await context.close()
  })

  test('opens by its link once the server is reachable, after a press or a reconnect', async () => {
    const { page, context } = await rig.open()
    await generateFrom(page, 'http://sandbox.test/model-error.png')
    const { data } = await request(rig.url, ListJobsDocument, { first: 1 })
    const link = `/jobs/${data.jobs.edges[0]?.node.id}`
    let isUnreachable = true
    await page.route('**/graphql', async (route) => {
      const isRead = /query (GetJob|ListRecentJobs)/.test(route.request().postData() ?? '')
      await (isUnreachable && isRead ? route.abort('connectionrefused') : route.continue())
    })
    const dialog = page.getByRole('dialog')
    const refused = dialog.getByRole('heading', { name: 'The video could not be opened' })
    const opened = dialog.getByText('Frame rate')

    await page.goto(new URL(link, rig.url).href)
    await refused.waitFor()
    await dialog.getByText('The server is unreachable').waitFor()
    isUnreachable = false
    await dialog.getByRole('button', { name: 'Try again' }).click()
    await opened.waitFor()

    isUnreachable = true
    await page.reload()
    await refused.waitFor()
    await context.setOffline(true)
    await dialog.getByText('Reconnecting…').waitFor()
    await refused.waitFor()
    isUnreachable = false
    await context.setOffline(false)
    await opened.waitFor()
    await context.close()
  })
})
