import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../helpers/until.ts'
import { noBrowser } from './browser.ts'
import { type BrowserRig, cardIn, cards, cardsWithSeed, generate, generateFrom, openBrowserRig, ROCKET } from './rig.ts'

if (noBrowser) process.stderr.write(`The browser tests of the studio are skipped: ${noBrowser}\n`)

/** The used part of the DOM type: the tests compile without DOM types. */
interface VideoElement {
  currentTime: number
  loop: boolean
}

describe.skipIf(noBrowser !== null)('the studio', () => {
  let rig: BrowserRig

  beforeAll(async () => {
    rig = await openBrowserRig()
  }, 60_000)

  afterAll(async () => {
    await rig?.close()
  })

  test('generates a video from an image: shows its steps, then plays it in a loop', async () => {
    const { page, context, errors, hosts } = await rig.open()
    await page.getByText('Add an image to start').waitFor()
    await generate(page)
    await page.getByText(/Step \d+ of 25/).waitFor()
    const card = cardIn(page, 'SUCCEEDED')
    await card.waitFor({ timeout: 20_000 })

    const video = card.locator('video')
    const readTime = () => video.evaluate((element) => (element as unknown as VideoElement).currentTime)
    const first = await until(readTime, { timeoutMs: 10_000, everyMs: 50, what: 'the video to play' })
    await until(async () => (await readTime()) !== first, {
      timeoutMs: 10_000,
      everyMs: 50,
      what: 'the video to continue',
    })
    expect(await video.evaluate((element) => (element as unknown as VideoElement).loop)).toBe(true)

    const downloading = page.waitForEvent('download')
    await card.getByRole('link', { name: 'Download' }).click()
    expect((await downloading).suggestedFilename()).toMatch(/\.mp4$/)

    // The server and the video's host.
    expect(hosts.size).toBe(2)
    expect(errors).toEqual([])
    await context.close()
  })

  test('fills the form with the settings and the seed of a video by one click', async () => {
    const { page, context } = await rig.open()
    await page.getByLabel('Motion', { exact: true }).fill('33')
    await page.getByLabel('Seed', { exact: true }).fill('77')
    await generate(page)
    await page.getByRole('button', { name: 'Reset' }).click()
    const ownCards = cardsWithSeed(page, 77)
    await ownCards.getByRole('button', { name: 'Reuse settings' }).click({ timeout: 20_000 })
    expect(await page.getByLabel('Motion', { exact: true }).inputValue()).toBe('33')
    expect(await page.getByLabel('Seed', { exact: true }).inputValue()).toBe('77')
    await page.getByRole('button', { name: 'Generate' }).click()
    await until(async () => (await ownCards.count()) === 2)
    await context.close()
  })

  test('cancels and retries a job', async () => {
    const { page, context, errors } = await rig.open()
    await generateFrom(page, 'http://sandbox.test/slow.png')
    const slow = page.locator('.card', { hasText: 'slow.png' })
    await slow.getByRole('button', { name: 'Cancel' }).click()
    await slow.getByRole('button', { name: 'Try again' }).click()
    await slow.first().getByRole('button', { name: 'Cancel' }).click()
    await slow.first().getByRole('button', { name: 'Try again' }).waitFor()
    expect(await slow.getByRole('heading').allTextContents()).toEqual(['Canceled', 'Canceled'])
    expect(errors).toEqual([])
    await context.close()
  })

  test.each([
    ['content-policy', 'Rejected by content policy', 'Edit and retry'],
    ['model-error', 'fal had an error', 'Try again'],
  ])('shows the failure %s with a title and an action', async (scenario, title, button) => {
    const { page, context } = await rig.open()
    await generateFrom(page, `http://sandbox.test/${scenario}.png`)
    const card = page.locator('.card[data-status=FAILED]', { hasText: title }).first()
    await card.getByRole('button', { name: button }).waitFor({ timeout: 20_000 })
    await context.close()
  })

  test('shows the issues of an invalid form at its fields, and submits nothing', async () => {
    const { page, context } = await rig.open()
    const sent: string[] = []
    page.on('request', (request) => {
      if (request.postData()?.includes('mutation GenerateVideo')) sent.push(request.url())
    })
    const speed = page.getByLabel('Frame rate', { exact: true })
    await speed.fill('500')
    await page.getByRole('button', { name: 'Generate' }).click()
    await page.getByText('Add an image first').waitFor()
    await page.getByText('Enter a whole number from 10 to 100.').waitFor()
    expect(await speed.getAttribute('aria-invalid')).toBe('true')
    expect(sent).toEqual([])
    await context.close()
  })

  test('filters the gallery by status', async () => {
    const { page, context } = await rig.open()
    await page.getByRole('button', { name: 'Failed' }).click()
    await cardIn(page, 'FAILED').waitFor()
    expect(await page.locator('.card:not([data-status=FAILED])').count()).toBe(0)
    await context.close()
  })

  test('loads more jobs on scrolling', async () => {
    const { page, context } = await rig.open()
    await page.evaluate(async (url) => {
      const query =
        'mutation { generateVideo(input: { imageUrl: "http://sandbox.test/unreachable-image.png" }) { __typename } }'
      const send = () =>
        fetch(`${url}/graphql`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ query }),
        })
      for (let count = 0; count < 60; count++) await send()
    }, rig.url)
    await page.reload()
    await cards(page).nth(23).waitFor()
    await until(async () => {
      await page.mouse.wheel(0, 2000)
      return (await cards(page).count()) > 60
    })
    await context.close()
  })

  test('works by keyboard alone', async () => {
    const { page, context } = await rig.open()
    await page.keyboard.press('Tab')
    expect(await page.locator(':focus').textContent()).toContain('Skip to videos')
    await page.locator('#image').setInputFiles(ROCKET)
    await page.getByRole('img', { name: 'Chosen: rocket.png' }).waitFor()
    await page.getByLabel('Seed', { exact: true }).focus()
    await page.keyboard.type('4242')
    await page.keyboard.press('Enter')
    const card = cardsWithSeed(page, 4242)
    await card.waitFor()
    await card.getByRole('link').first().focus()
    await page.keyboard.press('Enter')
    const dialog = page.getByRole('dialog')
    await dialog.waitFor()
    expect(page.url()).toContain('/jobs/')
    expect(await dialog.evaluate((element) => element.contains(element.ownerDocument.activeElement))).toBe(true)
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'hidden' })
    expect(new URL(page.url()).pathname).toBe('/')
    expect(
      await card
        .getByRole('link')
        .first()
        .evaluate((element) => element === element.ownerDocument.activeElement),
    ).toBe(true)
    await context.close()
  })

  test('opens a job by its link, and shows when it does not exist', async () => {
    const { page, context } = await rig.open()
    await cardIn(page, 'SUCCEEDED').getByRole('link').first().click()
    const link = new URL(page.url()).pathname
    await context.close()

    const other = await rig.open(link)
    await other.page.getByRole('dialog').getByText('The video is ready').waitFor()
    await other.page.getByRole('button', { name: 'All videos' }).click()
    expect(new URL(other.page.url()).pathname).toBe('/')
    await other.context.close()

    const lost = await rig.open('/jobs/nobody')
    await lost.page.getByText('This video does not exist').waitFor()
    await lost.context.close()
  })

  test('each tab of GraphiQL opens at the first click with its text, on the first visit and the next', async () => {
    const { page, context, errors } = await rig.open()
    // GraphiQL loads 9 MB of script, which takes long on a busy machine.
    context.setDefaultTimeout(60_000)
    const names = ['Watch', 'List', 'Cancel', 'Generate']
    for (const visit of ['first', 'second']) {
      await page.getByRole('link', { name: 'API' }).click()
      for (const name of names) {
        const tab = page.locator('.graphiql-tab').getByText(name, { exact: true })
        await tab.hover()
        await page.mouse.down()
        // A hand moves the mouse a little during a click.
        const { x = 0, y = 0 } = (await tab.boundingBox()) ?? {}
        await page.mouse.move(x + 12, y + 5, { steps: 3 })
        await page.mouse.up()
        await page.locator('.graphiql-tab-active').getByText(name, { exact: true }).waitFor()
        await page.locator('.graphiql-query-editor .view-lines').getByText(`${name}:`).waitFor()
      }
      const tabs = page.locator('.graphiql-tab-button')
      expect([visit, await tabs.allTextContents()]).toEqual([visit, ['Generate', 'Watch', 'List', 'Cancel']])
      // Returns by its own link, which does not name the open tab.
      await page.getByRole('link', { name: 'Reelay studio' }).click()
    }
    expect(errors).toEqual([])
    await context.close()
  }, 240_000)

  test('the header links to GraphiQL, which subscribes over a WebSocket', async () => {
    const { page, context } = await rig.open()
    await page.getByRole('link', { name: 'API' }).click()
    const sent: string[] = []
    page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => sent.push(String(payload))))
    const query = encodeURIComponent('subscription { jobFeed { status } }')
    await page.goto(`${rig.url}/graphql?query=${query}`)
    await page.getByRole('button', { name: /Execute query/ }).click()
    await until(() => sent.some((frame) => frame.includes('"subscribe"') && frame.includes('jobFeed')), {
      timeoutMs: 20_000,
      what: 'GraphiQL to subscribe',
    })
    await context.close()
  })
})
