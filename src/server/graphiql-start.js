// Runs in the browser, after GraphiQL's own script.

const { workers, options } = JSON.parse(document.querySelector('#settings').textContent)

self.MonacoEnvironment = { globalAPI: false, getWorkerUrl: (_module, label) => workers[label] }

/**
 * What GraphiQL shows first. It compares that with the tabs it has stored, in its text, variables and headers, and opens
 * another tab if none has the same. Left to itself, it takes the three from different places, which need not agree.
 */
function readFirst() {
  try {
    const { tabs, activeTabIndex } = JSON.parse(localStorage.getItem('graphiql:tabState'))
    const query = new URL(location.href).searchParams.get('query')
    const tab = query === null ? tabs[activeTabIndex] : tabs.find((candidate) => candidate.query === query)
    return {
      initialQuery: tab.query ?? '',
      initialVariables: tab.variables ?? '',
      initialHeaders: tab.headers ?? '',
    }
  } catch {
    return {} // The first visit, or a link to a query that is in no tab.
  }
}

// Tabs can be dragged, and a press whose pointer moves a little is a drag that opens nothing: a click is worth more.
document.addEventListener(
  'pointerdown',
  (event) => {
    if (event.target.closest('.graphiql-tab')) event.stopPropagation()
  },
  { capture: true },
)

self.YogaGraphiQL.renderYogaGraphiQL(document.querySelector('#root'), { ...options, ...readFirst() })
