import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { gzipSync } from 'node:zlib'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FalError } from '../../src/adapters/fal/errors.ts'
import { openDatabase } from '../../src/adapters/postgres/client.ts'
import { STUDIO_DIRECTORY } from '../../src/adapters/studio-build.ts'
import { createLogger } from '../../src/adapters/telemetry/logger.ts'
import { createProviderLog } from '../../src/jobs/provider.ts'
import { until } from '../helpers/until.ts'
import { noBrowser } from './browser.ts'
import { type BrowserRig, cardIn, cards, generate, generateFrom, openBrowserRig } from './rig.ts'

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

describe.skipIf(noBrowser !== null)('axe finds no serious problem', () => {
  let rig: BrowserRig

  beforeAll(async () => {
    // The slow job must outlast several runs of axe.
    rig = await openBrowserRig({ stepMs: 150 })
  }, 60_000)

  afterAll(async () => {
    await rig?.close()
  })

  /** The violations that axe rates serious or critical, as text. */
  async function findProblems(page: Page): Promise<string[]> {
    const problems: string[] = []
    for (const colorScheme of ['dark', 'light'] as const)
      for (const width of [1280, 390]) {
        await page.setViewportSize({ width, height: 900 })
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
        problems.push(
          ...(await page.evaluate<string[]>(`axe.run().then(({ violations }) => violations
            .filter(({ impact }) => impact === 'serious' || impact === 'critical')
            .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => \`${colorScheme} ${width}: \${id}: \${html}: \${failureSummary}\`)))`)),
        )
      }
    return problems
  }

  test('on the empty page, in an invalid form, for jobs in every status, in the dialog and offline', async () => {
    // The page's content security policy forbids injected scripts.
    const { page, context } = await rig.open('/', { bypassCSP: true })
    await page.addScriptTag({ path: AXE })
    await page.getByText('Add an image to start').waitFor()
    expect(await findProblems(page)).toEqual([])

    await page.getByLabel('Frame rate', { exact: true }).fill('500')
    await page.getByRole('button', { name: 'Generate' }).click()
    await page.getByText('Add an image first').waitFor()
    expect(await findProblems(page)).toEqual([])
    await page.getByRole('button', { name: 'Reset' }).click()

    for (const scenario of ['content-policy', 'model-error', 'long-line'])
      await generateFrom(page, `http://sandbox.test/${scenario}.png`)
    await page.getByRole('button', { name: 'Remove the image' }).click()
    await generate(page)
    await cardIn(page, 'SUCCEEDED').waitFor({ timeout: 20_000 })
    await generateFrom(page, 'http://sandbox.test/slow.png')
    await page.getByText(/Step \d+ of 100/).waitFor()
    await cardIn(page, 'FAILED').waitFor()
    expect(await findProblems(page)).toEqual([])

    await cardIn(page, 'RUNNING').getByRole('link').first().click()
    await page.getByRole('dialog').getByText('Step 5/100').waitFor()
    expect(await findProblems(page)).toEqual([])
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Try again' }).waitFor()
    await page.keyboard.press('Escape')

    await context.setOffline(true)
    await page.getByText('Reconnecting…').waitFor()
    expect(await findProblems(page)).toEqual([])
    await context.close()
  }, 120_000)

  test('in the banner about a pause of submission, which appears and disappears with the pause', async () => {
    const db = openDatabase({ url: rig.databaseUrl, onError: () => {} })
    // Stands for another server process: pages show a pause that any process has recorded.
    const other = createProviderLog({ db, logger: createLogger('silent'), onError: () => {} })
    other.paused({ error: new FalError('auth', 'Invalid key', { status: 401 }), since: new Date() })
    await until(async () => (await other.read()).state === 'KEY_REFUSED')
    const { page, context } = await rig.open('/', { bypassCSP: true })
    const banner = page.getByRole('status').filter({ hasText: 'fal refuses the API key: Invalid key.' })
    await banner.getByText(/Since \d\d:\d\d\./).waitFor()
    await page.addScriptTag({ path: AXE })
    expect(await findProblems(page)).toEqual([])
    await page.setViewportSize({ width: 360, height: 740 })
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBe(360)

    await other.stop()
    await db.$disconnect()
    // A job that progresses makes the page read the provider's status again.
    await generateFrom(page, 'http://sandbox.test/content-policy.png')
    await banner.waitFor({ state: 'detached' })
    await context.close()
  }, 60_000)

  test('and the page is not wider than a phone', async () => {
    const { page, context } = await rig.open('/', { viewport: { width: 360, height: 740 } })
    await cards(page).first().waitFor()
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBe(360)
    await context.close()
  })
})

test('the compressed script of the page is smaller than 100 kB', async () => {
  const names = (await readdir(`${STUDIO_DIRECTORY}/assets`)).filter((name) => name.endsWith('.js'))
  const sizes = await Promise.all(
    names.map(async (name) => gzipSync(await readFile(`${STUDIO_DIRECTORY}/assets/${name}`)).length),
  )
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(100_000)
  expect(names.length).toBeGreaterThan(0)
})
