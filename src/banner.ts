import type { RunningApp } from './app.ts'

/** Where the command-line client looks for a server by itself. */
const DEFAULT_URL = 'http://127.0.0.1:4000'

/** What a newcomer reads when the server is up: what runs where, and something to paste. */
export function toStartScreen({ url, database, fal }: RunningApp): string {
  return `
  Reelay is running.

    studio     ${url}
    GraphQL    ${url}/graphql
    database   ${database}
    fal        ${fal}

  Open the first in a browser, drop a picture there, and watch its video being made. The second has GraphiQL,
  with tabs to generate, watch, list and cancel. Or paste this there:

    mutation {
      generateVideo(input: { imageUrl: "https://example.com/rocket.png" }) {
        ... on GenerateVideoSuccess { job { id } }
        ... on UserError { message }
      }
    }

  From the command line, in another terminal:

    npm run video -- examples/rocket.png${url === DEFAULT_URL ? '' : ` --url ${url}`}

  Ctrl-C stops everything.
`
}
