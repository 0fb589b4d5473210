import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { GenerateVideoDocument } from '../../operations/generated/graphql.ts'
import { request } from '../helpers/graphql-client.ts'
import { IMAGE_FILES } from '../helpers/image-files.ts'
import { noBrowser } from './browser.ts'
import { type BrowserRig, cardIn, cards, countCards, generate, generateFrom, openBrowserRig, ROCKET } from './rig.ts'

describe.skipIf(noBrowser !== null)('edge cases of the studio', () => {
  let rig: BrowserRig

  beforeAll(async () => {
    rig = await openBrowserRig({ stepMs: 150 })
  }, 60_000)

  afterAll(async () => {
    await rig?.close()
  })

  test('a link with invalid encoding breaks neither the gallery nor the page of a job', async () => {
    const input = { imageUrl: 'https://example.com/100%.png' }
    await request(rig.url, GenerateVideoDocument, { input })
    const { page, context, errors } = await rig.open()
    await cards(page).first().waitFor()
    await page.goto(`${rig.url}/jobs/%E0%A4%A`)
    await page.getByRole('heading', { name: 'Not found' }).waitFor()
    expect(errors).toEqual([])
    await context.close()
  })

  test('one press of an arrow key moves each slider', async () => {
    const { page, context } = await rig.open()
    for (const [name, next] of [
      ['Motion', '128'],
      ['Noise (cond_aug)', '0.03'],
      ['Frame rate', '26'],
    ] as const) {
      await page.getByLabel(`${name} slider`).press('ArrowRight')
      expect(await page.getByLabel(name, { exact: true }).inputValue()).toBe(next)
    }
    await context.close()
  })

  test('an error in an open job is shown in its dialog', async () => {
    const { page, context } = await rig.open()
    await generateFrom(page, 'http://sandbox.test/slow.png')
    const slow = page.locator('.card[data-status=RUNNING]', { hasText: 'slow.png' })
    await slow.getByRole('link').first().click()
    const dialog = page.getByRole('dialog')
    let isCut = true
    await page.route('**/graphql', (route) => (isCut ? route.abort() : route.continue()))
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    await dialog.getByRole('alert').getByText(/./).first().waitFor()
    isCut = false
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    await dialog.getByRole('heading', { name: 'Canceled' }).waitFor()
    await context.close()
  })

  test('after a retry in an open job, one step leads back to the gallery, and the focus stays in the dialog', async () => {
    const { page, context } = await rig.open()
    await generateFrom(page, 'http://sandbox.test/content-policy.png')
    await generateFrom(page, 'http://sandbox.test/slow.png')
    const slow = page.locator('.card', { hasText: 'slow.png' }).first()
    await slow.getByRole('button', { name: 'Cancel' }).click()
    await slow.getByRole('button', { name: 'Try again' }).waitFor()
    await slow.getByRole('link').first().click()
    const dialog = page.getByRole('dialog')
    const opened = page.url()
    await dialog.getByRole('button', { name: 'Try again' }).click()
    await page.waitForURL((url) => url.href !== opened)
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    await page.locator('#job-title:focus').waitFor()
    await dialog.getByRole('button', { name: 'All videos' }).click()
    await dialog.waitFor({ state: 'hidden' })
    expect(new URL(page.url()).pathname).toBe('/')
    // A second press before the page has moved does not go back twice.
    await slow.getByRole('link').first().click()
    await dialog.getByRole('button', { name: 'All videos' }).evaluate((button: HTMLElement) => {
      button.click()
      button.click()
    })
    await dialog.waitFor({ state: 'hidden' })
    await slow.getByRole('link').first().click()
    await dialog.waitFor()
    await context.close()
  })

  test('pressing Generate twice creates one job', async () => {
    const { page, context } = await rig.open()
    const before = await countCards(page)
    await page.locator('#image').setInputFiles(ROCKET)
    await page.getByRole('img', { name: 'Chosen: rocket.png' }).waitFor()
    const { x, y, width, height } = (await page.locator('.generate').boundingBox()) ?? {
      x: 0,
      y: 0,
      width: 0,
      height: 0,
    }
    // Playwright's own click would wait until the button is enabled.
    const press = () => page.mouse.click(x + width / 2, y + height / 2)
    await press()
    await page.getByRole('button', { name: 'Submitted' }).waitFor()
    await press()
    await page.locator('.generate[aria-disabled=false]').waitFor()
    expect(await cards(page).count()).toBe(before + 1)
    await context.close()
  })

  test('a video that cannot be loaded shows an error and can be reloaded', async () => {
    const { page, context } = await rig.open()
    let isMissing = true
    await page.route('**/*.mp4', (route) => (isMissing ? route.fulfill({ status: 404 }) : route.continue()))
    await generate(page)
    const card = cardIn(page, 'SUCCEEDED')
    await card.getByText('The video could not be loaded').waitFor()
    isMissing = false
    await card.getByRole('button', { name: 'Reload' }).click()
    await card.locator('video').waitFor()
    await context.close()
  })

  test('an invalid file keeps the previous image, and an invalid link stays in its field', async () => {
    const { page, context } = await rig.open()
    await page.locator('#image').setInputFiles(ROCKET)
    await page.getByRole('img', { name: 'Chosen: rocket.png' }).waitFor()
    const text = { name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('not an image') }
    await page.locator('#image').setInputFiles(text)
    await page.getByText('The previous image is kept.').waitFor()
    const link = page.getByLabel('Or paste an image URL')
    await link.fill('javascript:alert(1)')
    await link.press('Enter')
    await page.locator('#link-issue', { hasText: 'https://' }).waitFor()
    expect(await link.inputValue()).toBe('javascript:alert(1)')
    await context.close()
  })

  test('the image chosen last is submitted, even if checking it takes long', async () => {
    const { page, context } = await rig.open()
    const release = Promise.withResolvers<void>()
    // The script that checks files loads with the first file, slowly on some connections.
    await page.route('**/assets/image-*.js', async (route) => {
      await release.promise
      await route.continue()
    })
    await generateFrom(page, 'http://sandbox.test/slow.png')
    await page.locator('#image').setInputFiles(ROCKET)
    const sending = page.waitForRequest((request) => request.postData()?.includes('mutation GenerateVideo') === true)
    await page.getByRole('button', { name: 'Generate' }).click()
    await page.getByRole('button', { name: 'Submitting…' }).waitFor()
    release.resolve()
    expect((await sending).postData()).toContain('"data:image/png;base64,')
    await context.close()
  })

  test('a chosen file is checked by its bytes with the API’s messages, and submitted with its real type', async () => {
    const { page, context, errors } = await rig.open()
    const field = page.locator('#image')
    for (const { name, type, bytes, verdict } of IMAGE_FILES) {
      await field.setInputFiles({ name, mimeType: type, buffer: Buffer.from(bytes) })
      if (verdict instanceof RegExp) await page.locator('#image-issue', { hasText: verdict }).waitFor()
      else await page.getByRole('img', { name: `Chosen: ${name}`, exact: true }).waitFor()
    }
    const damaged = { name: 'cut.jpg', mimeType: 'image/jpeg', buffer: Buffer.from([0xff, 0xd8, 0xff, 0xe0]) }
    await field.setInputFiles(damaged)
    await page.getByText('No preview: the file may be damaged').waitFor()

    const [webp] = IMAGE_FILES
    await field.setInputFiles({ name: 'photo.jpg', mimeType: 'image/jpeg', buffer: Buffer.from(webp?.bytes ?? []) })
    await page.getByRole('img', { name: 'Chosen: photo.jpg' }).waitFor()
    const sending = page.waitForRequest((request) => request.postData()?.includes('mutation GenerateVideo') === true)
    await page.getByRole('button', { name: 'Generate' }).click()
    expect((await sending).postData()).toContain('"data:image/webp;base64,')
    expect(errors).toEqual([])
    await context.close()
  })

  test('a setting that fal rejected is named, and marked in the form until it is changed', async () => {
    const { page, context } = await rig.open()
    await generateFrom(page, 'http://sandbox.test/invalid-input.png')
    const card = page.locator('.card[data-status=FAILED]', { hasText: 'Message from fal: Motion: Input should be' })
    await card.getByRole('button', { name: 'Edit and retry' }).click()
    await page.locator('#motionBucketId[aria-invalid=true]:focus').waitFor()
    const issue = page.locator('#motionBucketId-issue', { hasText: 'Message from fal: Input should be' })
    await issue.waitFor()
    await page.locator('#motionBucketId').fill('120')
    await issue.waitFor({ state: 'detached' })
    await page.locator('#motionBucketId[aria-invalid=false]').waitFor()
    await context.close()
  })
})
