import { render } from 'preact'
import { createReelayClient } from '../../client/core/reelay-client.ts'
import { startClock } from './state/clock.ts'
import { toServerPath } from './state/route.ts'
import { loadImageRules } from './state/source-image.ts'
import { createStudio } from './state/studio.ts'
import { App } from './view/app.tsx'

const studio = createStudio(createReelayClient({ url: toServerPath('graphql') }))
const root = document.getElementById('studio')
if (root) render(<App studio={studio} />, root)
startClock()
studio.start()
// If this fails, choosing the first image loads them again.
loadImageRules().catch(() => {})
