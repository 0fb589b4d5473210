import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { createMemoryBudget, type MemoryBudget } from '../../src/server/memory-budget.ts'
import { limitIncomplete, SOCKET_LIMITS } from '../../src/server/ws-transport.ts'
import { until } from '../helpers/until.ts'

const MB = 1024 * 1024

/** What is left of the budget, to the byte. */
function countFree(memory: MemoryBudget): number {
  const lease = memory.open()
  let bytes = 0
  for (let step = 128 * MB; step >= 1; step /= 2) while (lease.reserve(step)) bytes += step
  lease.release()
  return bytes
}

test('whole messages, pings and pongs leave nothing counted', async () => {
  const memory = createMemoryBudget(64 * MB)
  let received = 0
  const sockets = new WebSocketServer({ ...SOCKET_LIMITS, noServer: true })
  const server = createServer().on('upgrade', (request, socket, head) =>
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      limitIncomplete(webSocket, socket, memory)
      webSocket.on('message', () => received++)
    }),
  )
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  try {
    await once(client, 'open')
    const free = countFree(memory)
    // Together they take several times what there is.
    const message = 'x'.repeat(200_000)
    for (let sent = 1; sent <= 1_500; sent++) {
      client.send(message)
      client.ping('abc')
      client.pong()
      if (sent % 50 === 0) await until(() => received === sent || client.readyState !== WebSocket.OPEN)
    }
    expect({ received, open: client.readyState === WebSocket.OPEN }).toEqual({ received: 1_500, open: true })
    // A byte that still counted would be the beginning of a message, with a deadline that cuts an idle client.
    await until(() => countFree(memory) === free)
  } finally {
    client.terminate()
    sockets.close()
    server.close()
  }
})
