import { createClient } from '@redis/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openRedisBus } from '../../../src/adapters/bus/redis.ts'
import { testBus } from '../../contracts/bus.ts'
import { findRefusedUrl } from '../../helpers/recording-server.ts'
import { hasRedis, type RedisServer, startRedisServer } from '../../helpers/redis-server.ts'

const silent = { onNotification: () => {}, onResync: () => {}, onError: () => {} }

if (hasRedis())
  describe('over a real Redis', () => {
    let server: RedisServer
    beforeAll(async () => {
      server = await startRedisServer()
    })
    afterAll(() => server.close())

    testBus(() => ({
      open: (events) => openRedisBus({ url: server.url, ...events }),
      cut: async () => {
        await server.stop()
        await server.start()
      },
      post: async (text) => {
        const client = await createClient({ url: server.url }).connect()
        await client.publish('reelay', text)
        client.destroy()
      },
    }))
  })
else
  test('there is a redis-server to test the bus with', ({ skip }) => {
    skip('redis-server is not installed: apt-get install redis-server')
  })

test('an unavailable Redis is reported at the start, without the password', async () => {
  const url = `${(await findRefusedUrl()).replace('http://', 'redis://:hunter2@')}`
  const failure = openRedisBus({ url, ...silent })
  await expect(failure).rejects.toThrow(/^cannot start: the Redis of REDIS_URL does not answer \(.*ECONNREFUSED/)
  await expect(failure).rejects.not.toThrow(/hunter2/)
})
