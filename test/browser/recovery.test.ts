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

  /** The step that the newest slow job is at. */
  async function readStep(page: Page): Promise<number> {
    const words = await slowCard(page)
      .getByText(/Step \d+ of 100/)
      .textContent()
    return Number(/Step (\d+)/.exec(words ?? '')?.[1])
  }

  async function beginSlow(page: Page): Promise<void> {
    await page.getByRole('heading', { name: 'Videos' }).waitFor()
    await generateFrom(page, 'http://sandbox.test/slow.png')
    await until(async () => (await readStep(page)) > 3, { timeoutMs: 20_000, what: 'the job to make steps' })
  }

  async function end(page: Page): Promise<void> {
    await slowCard(page).getByRole('button', { name: 'Cancel' }).click()
    await slowCard(page).getByRole('button', { name: 'Try again' }).waitFor()
  }

  /** Every step once and in order, as the log of the card tells it. */
  async function expectWholeLog(page: Page): Promise<void> {
    const lines = await slowCard(page).locator('.log li').allTextContents()
    const steps = lines.flatMap((line) => /^Step (\d+)\/100$/.exec(line)?.[1] ?? []).map(Number)
    expect(steps).toEqual(Array.from({ length: steps.length }, (_, index) => index + 1))
    expect(steps.length).toBeGreaterThan(3)
  }

  test('goes on after a reload', async () => {
    const { page, context, errors } = await rig.open()
    await beginSlow(page)
    const before = await readStep(page)
    await page.reload()
    await until(async () => (await readStep(page)) > before, { timeoutMs: 10_000 })
    await expectWholeLog(page)
    await end(page)
    expect(errors).toEqual([])
    await context.close()
  })

  test('goes on after the network was lost, with a sign meanwhile', async () => {
    const { page, context, errors } = await rig.open()
    await beginSlow(page)
    await context.setOffline(true)
    await page.getByText('Reconnecting…').waitFor()

    // What was chosen stays when it cannot be sent.
    await page.locator('#image').setInputFiles(ROCKET)
    await page.getByRole('img', { name: 'Chosen: rocket.png' }).waitFor()
    await page.getByRole('button', { name: 'Generate' }).click()
    await page.getByText('Your image and settings are kept').waitFor()
    await page.getByRole('img', { name: 'Chosen: rocket.png' }).waitFor()
    await slowCard(page).getByRole('button', { name: 'Cancel' }).click()
    await until(async () => (await page.getByText('The server is unreachable').count()) === 2)
    await page.setViewportSize({ width: 360, height: 740 })
    const notice = await page.locator('.toast-error').boundingBox()
    const sign = await page.locator('.toast', { hasText: 'Reconnecting…' }).boundingBox()
    expect((notice?.y ?? Infinity) + (notice?.height ?? 0)).toBeLessThan(sign?.y ?? 0)
    await page.setViewportSize({ width: 1280, height: 900 })

    const before = await readStep(page)
    await context.setOffline(false)
    await page.getByText('Reconnecting…').waitFor({ state: 'detached', timeout: 30_000 })
    await until(async () => (await readStep(page)) > before, { timeoutMs: 20_000 })
    // What was said of the connection is over with it.
    expect(await page.getByText('The server is unreachable').count()).toBe(0)
    await expectWholeLog(page)
    await end(page)
    expect(errors).toEqual([])
    await context.close()
  }, 60_000)

  test.each(['cut', 'blackhole'] as const)(
    'goes on after a line that was broken by a %s',
    async (mode) => {
      const proxy = await startFaultProxy({ port: Number(new URL(rig.url).port) })
      const { page, context, errors } = await rig.open(proxy.through(rig.url))
      try {
        await beginSlow(page)
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

  test.skipIf(noNginx !== null)(
    'is seen through to its video where no WebSocket passes, and the page says how',
    async () => {
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
        // Of many at once some have to poll; none is forgotten.
        const input = { imageUrl: 'https://example.com/rocket.png' }
        await Promise.all([0, 1, 2].map(() => request(rig.url, GenerateVideoDocument, { input })))
        await until(async () => (await succeeded.count()) === before + 4, {
          timeoutMs: 60_000,
          what: 'all of them to be seen to end',
        })
        expect(await page.getByText('Reconnecting…').count()).toBe(0)
      } finally {
        await context.close()
        await proxy.stop()
      }
    },
  )

  test('goes on after the server was killed and started again', async () => {
    const { page, context, errors } = await rig.open()
    await beginSlow(page)
    await rig.restart()
    await until(async () => (await slowCard(page).getAttribute('data-status')) === 'RUNNING')
    const before = await readStep(page)
    await until(async () => (await readStep(page)) > before, { timeoutMs: 40_000, what: 'the job to go on' })
    await expectWholeLog(page)
    await end(page)
    expect(errors).toEqual([])
    await context.close()
  }, 90_000)

  test('is the same in two tabs, also of another visitor', async () => {
    const first = await rig.open()
    const second = await rig.open()
    const before = await countCards(second.page)
    await beginSlow(first.page)
    await until(async () => (await cards(second.page).count()) === before + 1)
    await until(async () => Math.abs((await readStep(first.page)) - (await readStep(second.page))) <= 3)
    await end(second.page)
    await slowCard(first.page).getByRole('button', { name: 'Try again' }).waitFor()
    expect([...first.errors, ...second.errors]).toEqual([])
    await Promise.all([first.context.close(), second.context.close()])
  })

  test('that was paid for once is not paid for again when its answer was lost', async () => {
    const { page, context } = await rig.open()
    const countJobs = async () => (await request(rig.url, ListJobsDocument, {})).data.jobs.totalCount
    const before = await countJobs()
    let isLost = true
    // The server gets it and makes the job; the page never hears of it.
    await page.route('**/graphql', async (route) => {
      if (!isLost || !route.request().postData()?.includes('StudioGenerate')) return await route.continue()
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

  test('is opened by its link once the server can be reached, by a press or by itself', async () => {
    const { page, context } = await rig.open()
    await generateFrom(page, 'http://sandbox.test/model-error.png')
    const { data } = await request(rig.url, ListJobsDocument, { first: 1 })
    const link = `/jobs/${data.jobs.edges[0]?.node.id}`
    let isAway = true
    await page.route('**/graphql', async (route) => {
      const isRead = route.request().postData()?.includes('StudioJob') ?? false
      await (isAway && isRead ? route.abort('connectionrefused') : route.continue())
    })
    const dialog = page.getByRole('dialog')
    const refused = dialog.getByRole('heading', { name: 'The video could not be opened' })
    const opened = dialog.getByText('Frame rate')

    await page.goto(new URL(link, rig.url).href)
    await refused.waitFor()
    await dialog.getByText('The server is unreachable').waitFor()
    isAway = false
    await dialog.getByRole('button', { name: 'Try again' }).click()
    await opened.waitFor()

    isAway = true
    await page.reload()
    await refused.waitFor()
    await context.setOffline(true)
    await dialog.getByText('Reconnecting…').waitFor()
    await refused.waitFor()
    isAway = false
    await context.setOffline(false)
    await opened.waitFor()
    await context.close()
  })
})
