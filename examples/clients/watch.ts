import { createReelayClient } from '../../client/core/reelay-client.ts'
import { GenerateVideoDocument } from '../../operations/generated/graphql.ts'

const { REELAY_URL = 'http://127.0.0.1:4000' } = process.env
const client = createReelayClient({ url: `${REELAY_URL}/graphql` })

const [imageUrl = 'https://example.com/rocket.png'] = process.argv.slice(2)
const input = { imageUrl, idempotencyKey: crypto.randomUUID() }
const { generateVideo } = await client.request(GenerateVideoDocument, { input })
if (generateVideo.__typename !== 'GenerateVideoSuccess') throw new Error(generateVideo.message)
const { job } = generateVideo

for await (const event of client.watchJob(job.id, { after: job.cursor })) {
  if (event.kind === 'gap') console.log(`${event.missed} updates are no longer stored`)
  else {
    const { sequence, status, job } = event.update
    console.log(sequence, status, job.video?.url ?? job.failure?.message ?? '')
  }
}
await client.close()
