import type { RunningApp } from './app.ts'

/** What a newcomer reads when the server is up: what runs where, and something to paste. */
export function toStartScreen({ url, database, fal }: RunningApp): string {
  return `
  Reelay is running.

    GraphQL    ${url}/graphql   (open it in a browser for GraphiQL)
    database   ${database}
    fal        ${fal}

  Paste this into GraphiQL, or make a video from the command line with
  npm run video -- examples/rocket.png

    mutation {
      generateVideo(input: { imageUrl: "https://example.com/rocket.png" }) {
        ... on GenerateVideoSuccess { job { id } }
        ... on UserError { message }
      }
    }

    subscription {
      jobProgress(id: "the job's id") { status queuePosition progress logs { message } job { video { url } } }
    }

  Ctrl-C stops everything.
`
}
