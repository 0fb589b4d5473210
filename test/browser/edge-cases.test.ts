import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { GenerateVideoDocument } from '../../operations/generated/graphql.ts'
import { request } from '../helpers/graphql-client.ts'
import { IMAGE_FILES } from '../helpers/image-files.ts'
import { noBrowser } from './browser.ts'
import { type BrowserRig, cardIn, cards, countCards, generate, generateFrom, openBrowserRig, ROCKET } from './rig.ts'

describe.skipIf(noBrowser !== null)('in the corners of the studio', () => {
  let rig: BrowserRig

  beforeAll(async () => {
    rig = await openBrowserRig({ stepMs: 150 })
  }, 60_000)

  afterAll(async () => {
    await rig?.close()
  })

  test('a link that is no valid encoding harms neither the gallery nor the page of a job', async () => {
    const input = { imageUrl: 'https://example.com/100%.png' }
    await request(rig.url, GenerateVideoDocument, { input })
    const { page, context, errors } = await rig.open()
    await cards(page).first().waitFor()
    await page.goto(`${rig.url}/jobs/%E0%A4%A`)
    await page.getByRole('heading', { name: 'Not found' }).waitFor()
    expect(errors).toEqual([])
    await context.close()
  })

  test('each slider goes on by one press of an arrow key', async () => {
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

  test('what goes wrong in an opened job is said in it', async () => {
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

  test('trying again in an opened job leads back to the gallery in one step, and keeps the focus in it', async () => {
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
    // Pressed twice before the page has moved, it leads no further back.
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

  test('a button that is pressed twice makes one video', async () => {
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
    // By the mouse: the button itself would be waited for.
    const press = () => page.mouse.click(x + width / 2, y + height / 2)
    await press()
    await page.getByRole('button', { name: 'Submitted' }).waitFor()
    await press()
    await page.locator('.generate[aria-disabled=false]').waitFor()
    expect(await cards(page).count()).toBe(before + 1)
    await context.close()
  })

  test('a clip that can no longer be had is said to be lost, and can be tried again', async () => {
    const { page, context } = await rig.open()
    let isGone = true
    await page.route('**/*.mp4', (route) => (isGone ? route.fulfill({ status: 404 }) : route.continue()))
    await generate(page)
    const card = cardIn(page, 'SUCCEEDED')
    await card.getByText('The video could not be loaded').waitFor()
    isGone = false
    await card.getByRole('button', { name: 'Reload' }).click()
    await card.locator('video').waitFor()
    await context.close()
  })

  test('a picture that will not do leaves the one before, and a wrong link stays to be mended', async () => {
    const { page, context } = await rig.open()
    await page.locator('#image').setInputFiles(ROCKET)
    await page.getByRole('img', { name: 'Chosen: rocket.png' }).waitFor()
    const text = { name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('no picture') }
    await page.locator('#image').setInputFiles(text)
    await page.getByText('The previous image is kept.').waitFor()
    const link = page.getByLabel('Or paste an image URL')
    await link.fill('javascript:alert(1)')
    await link.press('Enter')
    await page.locator('#link-issue', { hasText: 'https://' }).waitFor()
    expect(await link.inputValue()).toBe('javascript:alert(1)')
    await context.close()
  })

  test('the picture that was chosen last is sent, however long it takes to look at it', async () => {
    const { page, context } = await rig.open()
    const release = Promise.withResolvers<void>()
    // What looks at files is loaded with the first of them, on some lines slowly.
    await page.route('**/assets/image-*.js', async (route) => {
      await release.promise
      await route.continue()
    })
    await generateFrom(page, 'http://sandbox.test/slow.png')
    await page.locator('#image').setInputFiles(ROCKET)
    const sending = page.waitForRequest((request) => request.postData()?.includes('StudioGenerate') === true)
    await page.getByRole('button', { name: 'Generate' }).click()
    await page.getByRole('button', { name: 'Submitting…' }).waitFor()
    release.resolve()
    expect((await sending).postData()).toContain('"data:image/png;base64,')
    await context.close()
  })

  test('a file is judged by its bytes when it is chosen, in the words of the API, and sent as what it is', async () => {
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
    const sending = page.waitForRequest((request) => request.postData()?.includes('StudioGenerate') === true)
    await page.getByRole('button', { name: 'Generate' }).click()
    expect((await sending).postData()).toContain('"data:image/webp;base64,')
    expect(errors).toEqual([])
    await context.close()
  })

  test('the setting that fal refused is named, and is marked in the form until it is changed', async () => {
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
