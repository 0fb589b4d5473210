import type { RunningApp } from './app.ts'

/** The command line's default for `--url`. */
const DEFAULT_URL = 'http://127.0.0.1:4000'

/** Printed once the server is ready: what runs where, and a mutation to paste. */
export function formatBanner({ url, database, fal }: RunningApp): string {
  return `
  Reelay is running.

    studio     ${url}
    GraphQL    ${url}/graphql
    database   ${database}
    fal        ${fal}

  Open the studio in a browser, drop an image, and watch its video being generated. GraphiQL at /graphql has
  tabs to generate, watch, list and cancel. Try this mutation there:

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
