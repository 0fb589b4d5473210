import { describeFalContract } from '../../contracts/fal.ts'
import { startTestSandbox } from '../../helpers/sandbox.ts'

describeFalContract('the sandbox', async () => {
  const { url, stop } = await startTestSandbox({ slots: 2 })
  return { queueUrl: url, restUrl: url, key: 'test-key', close: stop }
})
