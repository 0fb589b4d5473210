import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { onTestFailed } from 'vitest'
import { buildStudio } from '../../src/adapters/studio-build.ts'
import { createTestDatabase } from '../helpers/postgres.ts'
import { startTestSandbox } from '../helpers/sandbox.ts'
import { type ServerProcess, startServerProcess } from '../helpers/server-process.ts'
import { launchBrowser } from './browser.ts'

/** A browser and its own server, which can be killed and restarted at the same address. */
export interface BrowserRig {
  /** Base URL of the server. */
  url: string
  databaseUrl: string
  browser: Browser
  /** Opens a tab in a new browser context, and records its errors. `path` may be a whole URL. */
  open(path?: string, options?: Parameters<Browser['newContext']>[0]): Promise<Visit>
  /** Kills the server and restarts it at the same address. */
  restart(): Promise<void>
  close(): Promise<void>
}

export interface Visit {
  page: Page
  context: BrowserContext
  /** Errors of the page and its console, except failed requests during a network outage. */
  errors: string[]
  /** All hosts that the page sent requests to. */
  hosts: Set<string>
}

export const ROCKET = join(import.meta.dirname, '../../examples/rocket.png')

/** Chromium's own console messages when the network or the server is unavailable. */
const LOST = /net::ERR_|WebSocket connection to/

/** How much of the server's output a failed test prints, in characters. */
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
        // biome-ignore lint/performance/useDomNodeTextContent: textContent would include hidden text
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

/** Chooses the sample image and submits. */
export async function generate(page: Page): Promise<void> {
  await page.locator('#image').setInputFiles(ROCKET)
  await page.getByRole('img', { name: 'Chosen: rocket.png' }).waitFor()
  await press(page)
}

/** Submits a link, such as one of the sandbox's scenarios. */
export async function generateFrom(page: Page, link: string): Promise<void> {
  await page.getByLabel('Or paste an image URL').fill(link)
  await page.keyboard.press('Enter')
  await press(page)
}

async function press(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Generate' }).click()
  await page.locator('.generate[aria-disabled=false]').waitFor()
}

/** The jobs in the gallery, without the placeholders shown while it loads. */
export const cards = (page: Page) => page.locator('.card[data-status]')

/** The number of jobs in the gallery after it has loaded. */
export async function countCards(page: Page): Promise<number> {
  await cards(page).or(page.locator('.empty')).first().waitFor()
  return await cards(page).count()
}

/** The newest card with this status. */
export const cardIn = (page: Page, status: string) => page.locator(`.card[data-status=${status}]`).first()

/** The cards with exactly this seed: as a part of its text, 77 would also be in the random seed 7742. */
export const cardsWithSeed = (page: Page, seed: number) =>
  cards(page).filter({ has: page.getByText(`Seed ${seed}`, { exact: true }) })
