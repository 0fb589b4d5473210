import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { onTestFailed } from 'vitest'
import { buildStudio } from '../../src/adapters/studio-build.ts'
import { createTestDatabase } from '../helpers/postgres.ts'
import { startTestSandbox } from '../helpers/sandbox.ts'
import { type ServerProcess, startServerProcess } from '../helpers/server-process.ts'
import { launchBrowser } from './browser.ts'

/** A browser before a whole server of its own, which can be killed and started again at the same address. */
export interface BrowserRig {
  /** Base of the server. */
  url: string
  databaseUrl: string
  browser: Browser
  /** A tab of a new visitor, who tells what went wrong in it. The path may be a whole URL. */
  open(path?: string, options?: Parameters<Browser['newContext']>[0]): Promise<Visit>
  /** Kills the server, and starts it again where it was. */
  restart(): Promise<void>
  close(): Promise<void>
}

export interface Visit {
  page: Page
  context: BrowserContext
  /** Errors of the page and of its console, but for requests that a lost network let fail. */
  errors: string[]
  /** Hosts that the page asked, of this server and of others. */
  hosts: Set<string>
}

export const ROCKET = join(import.meta.dirname, '../../examples/rocket.png')

/** What Chromium writes to the console of itself when there is no network, or no server. */
const LOST = /net::ERR_|WebSocket connection to/

/** How much of what the server wrote is shown when a test has failed, in characters. */
const SHOWN_OUTPUT = 4_000

export async function openBrowserRig({ stepMs = 40, slots = 50, publicUrl = '' } = {}): Promise<BrowserRig> {
  await buildStudio()
  const [database, sandbox, browser] = await Promise.all([
    createTestDatabase(),
    startTestSandbox({ stepMs, slots }),
    launchBrowser(),
  ])
  const start = (port: string) =>
    startServerProcess({
      PORT: port,
      PUBLIC_URL: publicUrl,
      DATABASE_URL: database.url,
      FAL_KEY: 'test-key',
      FAL_QUEUE_URL: sandbox.url,
      FAL_REST_URL: sandbox.url,
    })
  let server: ServerProcess = await start('0')
  const { url } = server

  return {
    url,
    databaseUrl: database.url,
    browser,
    async open(path = '/', options = {}) {
      const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
      context.setDefaultTimeout(20_000)
      const page = await context.newPage()
      const visit: Visit = { page, context, errors: [], hosts: new Set() }
      page.on('request', (request) => visit.hosts.add(new URL(request.url()).host))
      page.on('pageerror', (error) => visit.errors.push(String(error.stack)))
      page.on('console', (message) => {
        if (message.type() === 'error' && !LOST.test(message.text())) visit.errors.push(message.text())
      })
      onTestFailed(async () => {
        // biome-ignore lint/performance/useDomNodeTextContent: what is hidden has not been shown
        const shown = await page.locator('body').innerText({ timeout: 1_000 }).catch(String)
        process.stderr.write(`The page showed:\n${shown}\nThe server wrote:\n${server.output().slice(-SHOWN_OUTPUT)}\n`)
      })
      await page.goto(new URL(path, url).href)
      return visit
    },
    async restart() {
      await server.end('SIGKILL')
      server = await start(new URL(url).port)
    },
    async close() {
      await browser.close()
      await server.end('SIGTERM')
      await Promise.all([sandbox.stop(), database.drop()])
    },
  }
}

/** Chooses the rocket, and presses the button. */
export async function generate(page: Page): Promise<void> {
  await page.locator('#image').setInputFiles(ROCKET)
  await page.getByRole('img', { name: 'Chosen: rocket.png' }).waitFor()
  await press(page)
}

/** A scenario of the sandbox. */
export async function generateFrom(page: Page, link: string): Promise<void> {
  await page.getByLabel('Or paste an image URL').fill(link)
  await page.keyboard.press('Enter')
  await press(page)
}

async function press(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Generate' }).click()
  await page.locator('.generate[aria-disabled=false]').waitFor()
}

/** The jobs that the gallery shows; what stands in for them until they are read is none. */
export const cards = (page: Page) => page.locator('.card[data-status]')

/** How many jobs the gallery shows, once it has read them. */
export async function countCards(page: Page): Promise<number> {
  await cards(page).or(page.locator('.empty')).first().waitFor()
  return await cards(page).count()
}

/** The newest card in this state. */
export const cardIn = (page: Page, status: string) => page.locator(`.card[data-status=${status}]`).first()
