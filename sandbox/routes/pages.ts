import { Hono } from 'hono'
import { html } from 'hono/html'
import { SCENARIO_RULE, SCENARIOS } from '../queue/scenarios.ts'
import type { SigningKey } from '../queue/signing-key.ts'

/** The landing page, the list of scenarios, and the public key that verifies webhooks. */
export function pageRoutes({ key, baseUrl }: { key: SigningKey; baseUrl: string }): Hono {
  const routes = new Hono()
  const scenarios = SCENARIOS.map(({ name, description, imageUrl }) => ({ name, description, imageUrl }))
  routes.get('/scenarios', (context) => context.json({ sandbox: true, rule: SCENARIO_RULE, scenarios }))
  routes.get('/.well-known/jwks.json', (context) => context.json(key.jwks))
  routes.get('/healthz', (context) => context.json({ status: 'ok', sandbox: true }))
  routes.get('/', (context) =>
    context.html(html`<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Reelay's sandbox (not fal)</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
  table { border-collapse: collapse } td, th { text-align: left; padding: .3rem .8rem .3rem 0; vertical-align: top }
  code { background: #f2f0ea; padding: .1rem .3rem; border-radius: .2rem }
</style>
<h1>This is a sandbox, not fal</h1>
<p>It speaks the HTTP protocol of fal's queue for <code>fal-ai/stable-video</code>, on this machine alone, and makes
short MP4s with a slow pan and zoom. No model runs and nothing is billed. Any key is accepted, except one that begins with
<code>invalid</code>.</p>
<p>Queue and storage: <code>${baseUrl}</code></p>
<h2>Scenarios</h2>
<p>${SCENARIO_RULE}. The same as <a href="/scenarios">JSON</a>.</p>
<table><tr><th>name</th><th>what happens</th><th>image_url</th></tr>
${scenarios.map((each) => html`<tr><td>${each.name}</td><td>${each.description}</td><td><code>${each.imageUrl}</code></td></tr>`)}
</table>
</html>`),
  )
  return routes
}
