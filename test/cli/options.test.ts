import { describe, expect, test } from 'vitest'
import { toRepeatCommand, toWatchCommand } from '../../cli/command.ts'
import { UsageError } from '../../cli/errors.ts'
import { DEFAULT_URL, HELP, OPTION_OF_SETTING, parseOptions } from '../../cli/options.ts'

const parse = (line: string, environment = {}) => parseOptions(line.split(' ').filter(Boolean), environment)

describe('the command line', () => {
  test('needs a picture, and nothing else', () => {
    const options = { action: 'make', url: DEFAULT_URL, givenUrl: null, picture: 'rocket.png', settings: {}, out: null }
    expect(parse('rocket.png')).toEqual(options)
  })

  test('takes every setting as a number', () => {
    expect(parse('rocket.png --seed=-7 --motion 200 --cond-aug 0.5 --fps 30 --out a.mp4')).toMatchObject({
      settings: { seed: -7, motionBucketId: 200, condAug: 0.5, fps: 30 },
      out: 'a.mp4',
    })
  })

  test('watches a job that was begun before', () => {
    expect(parse('--watch Sm9i')).toEqual({
      action: 'watch',
      url: DEFAULT_URL,
      givenUrl: null,
      jobId: 'Sm9i',
      out: null,
    })
  })

  test('takes the server from the option, else from REELAY_URL, else this machine', () => {
    const environment = { REELAY_URL: 'https://reelay.example/api/' }
    expect(parse('a.png', environment)).toMatchObject({ url: 'https://reelay.example/api', givenUrl: null })
    expect(parse('a.png --url http://[::1]:4001/graphql', environment)).toMatchObject({
      url: 'http://[::1]:4001',
      givenUrl: 'http://[::1]:4001',
    })
    expect(parse('a.png', { REELAY_URL: '' })).toMatchObject({ url: DEFAULT_URL })
  })

  test.each([
    ['', /which picture/],
    ['a.png b.png', /one picture at a time.* 2: a\.png, b\.png.* unless -- stands before them/],
    ['a.png --sed 1', /^Unknown option '--sed'$/],
    ['a.png --seed', /--seed/],
    ['a.png --seed -5', /--seed=-/],
    ['a.png --fps fast', /--fps must be a number, but is "fast"/],
    ['a.png --cond-aug=', /--cond-aug must be a number, but is ""/],
    ['a.png --motion 1.5', /--motion must be a whole number/],
    ['a.png --seed 9007199254740993', /--seed must be a whole number within ±9007199254740991/],
    ['a.png --out=', /--out is empty/],
    ['a.png --url ftp://example.com', /http or https URL/],
    ['a.png --watch Sm9i', /no picture/],
    ['--watch Sm9i --seed 1', /no settings/],
  ])('refuses `%s`', (line, message) => {
    expect(() => parse(line)).toThrow(UsageError)
    expect(() => parse(line)).toThrow(message)
  })

  test('has help for every option', () => {
    expect(parse('-h')).toEqual({ action: 'help' })
    for (const option of [...Object.values(OPTION_OF_SETTING), '--out', '--watch', '--url'])
      expect(HELP).toContain(option)
  })
})

describe('a command to repeat', () => {
  test('says what was set, and quotes what a shell would read otherwise', () => {
    expect(toRepeatCommand("my rocket's.png", { seed: -3, motionBucketId: null, fps: 30 }, null)).toBe(
      String.raw`npm run video -- 'my rocket'\''s.png' --seed=-3 --fps 30`,
    )
    expect(toRepeatCommand('https://example.com/a.png?b&c', {}, null)).toBe(
      "npm run video -- 'https://example.com/a.png?b&c'",
    )
    expect(toWatchCommand('Sm9i', null)).toBe('npm run video -- --watch Sm9i')
  })

  test('is read back as the same options', () => {
    const settings = { seed: -3, motionBucketId: 5, condAug: 0.1, fps: 30 }
    const url = 'https://video.example.com'
    const words = toRepeatCommand('a.png', settings, url).replace('npm run video -- ', '')
    expect(parse(words)).toMatchObject({ picture: 'a.png', settings, url })
    expect(parse(toWatchCommand('Sm9i', url).replace('npm run video -- ', ''))).toMatchObject({ jobId: 'Sm9i', url })
  })
})
