import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findFreePort } from '../helpers/free-port.ts'
import { until } from '../helpers/until.ts'
import { noNginx, startNginx, type WebProxy } from '../helpers/web-proxies.ts'
import { noBrowser } from './browser.ts'
import { type BrowserRig, cardIn, generate, openBrowserRig } from './rig.ts'

/** nginx is there on the runner; elsewhere there may be none. */
describe.skipIf(noBrowser !== null || noNginx !== null)('under a path of its own, behind nginx', () => {
  let rig: BrowserRig
  let nginx: WebProxy
  let bases: Record<'kept' | 'taken away', string>

  beforeAll(async () => {
    nginx = await startNginx(async (taking) => {
      const keeping = await findFreePort()
      bases = { 'taken away': `http://127.0.0.1:${taking}/reelay`, kept: `http://127.0.0.1:${keeping}/reelay` }
      rig = await openBrowserRig({ publicUrl: bases['taken away'] })
      const location = (path: string, target: string) => `location ${path} {
        proxy_pass ${target}; proxy_http_version 1.1; proxy_set_header Host $http_host;
        proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; }`
      return `map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
        server { listen 127.0.0.1:${taking}; location = /healthz { return 200; } ${location('/reelay/', `${rig.url}/`)} }
        server { listen 127.0.0.1:${keeping}; ${location('/reelay', rig.url)} }`
    })
  }, 60_000)

  afterAll(async () => {
    await nginx?.stop()
    await rig?.close()
  })

  test.each(['taken away', 'kept'] as const)(
    'that is %s, the studio makes a video and links to it',
    async (way) => {
      const base = bases[way]
      const { page, context, errors } = await rig.open(base)
      const lost: string[] = []
      page.on('response', (response) => void (response.ok() || lost.push(`${response.status()} ${response.url()}`)))
      await generate(page)
      const card = cardIn(page, 'SUCCEEDED')
      await card.waitFor()
      await card.getByRole('link').first().click()
      await page.waitForURL(`${base}/jobs/*`)
      // A visitor who was sent the link.
      await page.reload()
      await page.locator('dialog[open] #job-title').waitFor()
      await page.keyboard.press('Escape')
      await until(() => [base, `${base}/`].includes(page.url()), { what: 'the gallery' })
      expect(await page.getByRole('link', { name: 'API' }).getAttribute('href')).toBe('/reelay/graphql')
      expect(lost).toEqual([])
      expect(errors).toEqual([])
      await page.goto(`${base}/graphql`)
      await page.getByRole('tab', { name: 'Generate' }).waitFor()
      await context.close()
    },
    120_000,
  )
})
