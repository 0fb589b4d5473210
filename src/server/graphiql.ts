import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Hono } from 'hono'
import { type Asset, createAsset, sendAsset } from './assets.ts'
import { BACK, toGraphiqlPage, toPageWithoutGraphiql } from './graphiql-pages.ts'
import { GRAPHIQL_TABS } from './graphiql-tabs.ts'
import { toPageHeaders } from './page-headers.ts'

/** The page's own script, which runs in the browser after GraphiQL's. */
const START = new URL('./graphiql-start.js', import.meta.url)

/** Without this, an opening tab is animated, and meanwhile covers its neighbour and receives its clicks. */
const STILL_TABS = '.graphiql-tab { transform: none !important }'
/** A tab that is opened before the editor exists loses its text. */
const TABS_WAIT_FOR_EDITORS = `.graphiql-container:not(:has(.graphiql-response .monaco-editor)) .graphiql-tabs { visibility: hidden }`

/**
 * Serves browsers at /graphql: GraphiQL or, when it is disabled, a page that explains the API. All links are relative,
 * since the public URL may have a path.
 */
export function graphiqlRoutes({ enabled, publicUrl }: { enabled: boolean; publicUrl: string }): Hono {
  const app = new Hono()
  let bundle: ReturnType<typeof pack> | undefined
  /** 9 MB of scripts, which most processes never serve: loaded on the first visit. */
  function open() {
    bundle ??= pack()
    return bundle
  }

  app.get('/graphql', async (http, next) => {
    if (!http.req.header('accept')?.includes('text/html')) return await next()
    const page = enabled ? (await open()).page : toPageWithoutGraphiql(publicUrl)
    return http.body(page, 200, {
      ...HEADERS,
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache',
      vary: 'accept',
    })
  })
  app.get('/graphiql/:name', async (http, next) => {
    const file = enabled ? (await open()).files.get(http.req.param('name')) : undefined
    return file ? sendAsset(http, file, HEADERS) : await next()
  })
  return app
}

/** A small page, and the large files that it loads, by name. */
async function pack() {
  const [{ css, js, editorWorkerService, jsonWorker, graphqlWorker }, start] = await Promise.all([
    import('@graphql-yoga/render-graphiql/graphiql'),
    readFile(START, 'utf8'),
  ])
  const files = new Map<string, Asset>()
  async function add(name: string, ending: 'css' | 'js', text: string): Promise<string> {
    const plain = new TextEncoder().encode(text)
    const hash = createHash('sha256').update(plain).digest('base64url').slice(0, 12)
    const file = `${name}-${hash}.${ending}`
    files.set(file, await createAsset(file, plain))
    return `graphiql/${file}`
  }
  const [style, script, editor, json, graphql] = await Promise.all([
    add('graphiql', 'css', `${css}\n${STILL_TABS}\n${TABS_WAIT_FOR_EDITORS}\n`),
    add('graphiql', 'js', `${js}\n${start}`),
    add('editor-worker', 'js', editorWorkerService),
    add('json-worker', 'js', jsonWorker),
    add('graphql-worker', 'js', graphqlWorker),
  ])
  const options = { title: BACK, logo: '', subscriptionsProtocol: 'WS', defaultTabs: GRAPHIQL_TABS }
  const settings = { workers: { editorWorkerService: editor, json, graphql }, options }
  return { page: toGraphiqlPage(settings, { style, script }), files }
}

const HEADERS = toPageHeaders({
  'worker-src': "'self'",
  // The editor adds inline styles.
  'style-src': "'self' 'unsafe-inline'",
  'img-src': "'self' data:",
  'font-src': "'self' data:",
  'connect-src': "'self'",
})
