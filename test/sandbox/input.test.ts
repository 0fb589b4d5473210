import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTestSandbox } from './client.ts'

let sandbox: Awaited<ReturnType<typeof openTestSandbox>>

beforeAll(async () => {
  sandbox = await openTestSandbox({ slots: 20 })
})
afterAll(() => sandbox.close())

const image_url = 'http://image.example/a.png'

describe('invalid input is accepted at submit and rejected when the request runs', () => {
  test.for([
    [{}, 'image_url', 'missing'],
    [{ image_url: 5 }, 'image_url', 'string_type'],
    [{ image_url, motion_bucket_id: 0 }, 'motion_bucket_id', 'greater_than_equal'],
    [{ image_url, motion_bucket_id: 256 }, 'motion_bucket_id', 'less_than_equal'],
    [{ image_url, motion_bucket_id: 1.5 }, 'motion_bucket_id', 'int_from_float'],
    [{ image_url, motion_bucket_id: 'much' }, 'motion_bucket_id', 'int_type'],
    [{ image_url, cond_aug: 10.5 }, 'cond_aug', 'less_than_equal'],
    [{ image_url, cond_aug: 'x' }, 'cond_aug', 'float_type'],
    [{ image_url, fps: 9 }, 'fps', 'greater_than_equal'],
    [{ image_url, seed: 'x' }, 'seed', 'int_type'],
    [{ image_url: 'ftp://x/y.png' }, 'image_url', 'file_download_error'],
    [{ image_url: 'data:image/png;base64,AAAA' }, 'image_url', 'image_load_error'],
  ] as const)('%j: %s is %s', async ([input, field, type]) => {
    const request = await sandbox.submit(input)
    expect(await sandbox.completed(request)).toMatchObject({ code: 200, error: expect.any(String), error_type: type })
    const { code, body } = await sandbox.result(request)
    expect(code).toBe(422)
    const detail = [{ loc: ['body', field], type, msg: expect.any(String), input: expect.anything() }]
    expect(body).toMatchObject({ detail })
  })
})

test('an image on another host is replaced by a drawn one, with a warning in the log', async () => {
  const request = await sandbox.submit({ image_url, seed: 1 })
  const { logs } = await sandbox.completed(request)
  expect(logs).toContainEqual(expect.objectContaining({ level: 'WARN', message: expect.stringContaining('drawn') }))
})
