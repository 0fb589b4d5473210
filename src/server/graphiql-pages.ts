/** The link from GraphiQL to the studio. */
export const BACK = '<a href="./">← Reelay studio</a>'

const HEAD = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Reelay API</title>
<link rel="icon" href="data:,">`

/** @param settings - for the page's own script, graphiql-start.js. The others are relative URLs. */
export function toGraphiqlPage(settings: object, { style, script }: { style: string; script: string }): string {
  return `${HEAD}
<link rel="stylesheet" href="${style}">
</head>
<body class="no-focus-outline">
<noscript>GraphiQL needs JavaScript. ${BACK}</noscript>
<div id="root"></div>
<script type="application/json" id="settings">${JSON.stringify(settings).replaceAll('<', '\\u003c')}</script>
<script src="${script}"></script>
</body>
</html>
`
}

/** The page at /graphql when GraphiQL is disabled. */
export function toPageWithoutGraphiql(publicUrl: string): string {
  const url = publicUrl.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `${HEAD}
<style>
:root { color-scheme: light dark }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1rem }
pre { overflow-x: auto }
</style>
</head>
<body>
<h1>Reelay's GraphQL API</h1>
<p>Send GraphQL requests to this address by POST; subscribe over a WebSocket or server-sent events:</p>
<pre><code>curl ${url}/graphql -H 'content-type: application/json' \\
  -d '{"query":"{ jobs(first: 3) { edges { node { id status } } } }"}'</code></pre>
<p>GraphiQL, an editor for queries, is disabled on this server. Its operator can enable it with <code>GRAPHIQL=true</code> and <code>INTROSPECTION=true</code>.</p>
<p>${BACK}</p>
</body>
</html>
`
}
