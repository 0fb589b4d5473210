import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Hono } from 'hono'
import { type Asset, createAsset, sendAsset } from './assets.ts'
import { BACK, toGraphiqlPage, toPageWithoutGraphiql } from './graphiql-pages.ts'
import { GRAPHIQL_TABS } from './graphiql-tabs.ts'
import { toPageHeaders } from './page-headers.ts'

/** What the page's own script adds to that of GraphiQL: it runs in the browser. */
const START = new URL('./graphiql-start.js', import.meta.url)
const SCRIPT = { type: 'text/javascript; charset=utf-8', zips: true }
const STYLE = { type: 'text/css; charset=utf-8', zips: true }

/** A tab that opens is moved into place by steps, and meanwhile lies over its neighbour and takes its clicks. */
const STILL_TABS = '.graphiql-tab { transform: none !important }'
/** A tab that is opened before there is an editor leaves its text behind. */
const TABS_WAIT_FOR_EDITORS = `.graphiql-container:not(:has(.graphiql-response .monaco-editor)) .graphiql-tabs { visibility: hidden }`

/** The packed GraphiQL: a small page, and the large files that it loads, by their names. */
interface Build {
  page: string
  files: Map<string, Asset>
}

/**
 * What a browser sees at /graphql: GraphiQL, or where that is off, a page that says how to ask. All links in it are
 * relative: the server may be reached under a path.
 */
export function graphiqlRoutes({ enabled, publicUrl }: { enabled: boolean; publicUrl: string }): Hono {
  const app = new Hono()
  let build: Promise<Build> | undefined
  /** 9 MB of script, which most processes never show: loaded when somebody opens the page. */
  function open(): Promise<Build> {
    build ??= pack()
    return build
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

async function pack(): Promise<Build> {
  const [{ css, js, editorWorkerService, jsonWorker, graphqlWorker }, start] = await Promise.all([
    import('@graphql-yoga/render-graphiql/graphiql'),
    readFile(START, 'utf8'),
  ])
  const files = new Map<string, Asset>()
  async function add(
    name: string,
    ending: string,
    text: string,
    kind: { type: string; zips: boolean },
  ): Promise<string> {
    const plain = new TextEncoder().encode(text)
    const hash = createHash('sha256').update(plain).digest('base64url').slice(0, 12)
    const file = `${name}-${hash}.${ending}`
    files.set(file, await createAsset(plain, kind))
    return `graphiql/${file}`
  }
  const [style, script, editor, json, graphql] = await Promise.all([
    add('graphiql', 'css', `${css}\n${STILL_TABS}\n${TABS_WAIT_FOR_EDITORS}\n`, STYLE),
    add('graphiql', 'js', `${js}\n${start}`, SCRIPT),
    add('editor-worker', 'js', editorWorkerService, SCRIPT),
    add('json-worker', 'js', jsonWorker, SCRIPT),
    add('graphql-worker', 'js', graphqlWorker, SCRIPT),
  ])
  const options = { title: BACK, logo: '', subscriptionsProtocol: 'WS', defaultTabs: GRAPHIQL_TABS }
  const settings = { workers: { editorWorkerService: editor, json, graphql }, options }
  return { page: toGraphiqlPage({ style, script, settings }), files }
}

const HEADERS = toPageHeaders({
  'worker-src': "'self'",
  // Its editor writes its own styles.
  'style-src': "'self' 'unsafe-inline'",
  'img-src': "'self' data:",
  'font-src': "'self' data:",
  'connect-src': "'self'",
})
