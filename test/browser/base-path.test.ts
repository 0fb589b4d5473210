import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findFreePort } from '../helpers/free-port.ts'
import { until } from '../helpers/until.ts'
import { noNginx, startNginx, type WebProxy } from '../helpers/web-proxies.ts'
import { noBrowser } from './browser.ts'
import { type BrowserRig, cardIn, generate, openBrowserRig } from './rig.ts'

/** CI has nginx; other machines may not. */
describe.skipIf(noBrowser !== null || noNginx !== null)('under a base path behind nginx', () => {
  let rig: BrowserRig
  let nginx: WebProxy
  let bases: Record<'kept' | 'stripped', string>

  beforeAll(async () => {
    nginx = await startNginx(async (strippingPort) => {
      const keepingPort = await findFreePort()
      bases = { stripped: `http://127.0.0.1:${strippingPort}/reelay`, kept: `http://127.0.0.1:${keepingPort}/reelay` }
      rig = await openBrowserRig({ publicUrl: bases.stripped })
      const location = (path: string, target: string) => `location ${path} {
        proxy_pass ${target}; proxy_http_version 1.1; proxy_set_header Host $http_host;
        proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; }`
      return `map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
        server { listen 127.0.0.1:${strippingPort}; location = /healthz { return 200; } ${location('/reelay/', `${rig.url}/`)} }
        server { listen 127.0.0.1:${keepingPort}; ${location('/reelay', rig.url)} }`
    })
  }, 60_000)

  afterAll(async () => {
    await nginx?.stop()
    await rig?.close()
  })

  test.each(['stripped', 'kept'] as const)(
    'that is %s by the proxy, the studio generates a video and links to it',
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
      // Opens the link like a visitor who received it.
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
