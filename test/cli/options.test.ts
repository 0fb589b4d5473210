import { describe, expect, test } from 'vitest'
import { toRepeatCommand, toWatchCommand } from '../../cli/command.ts'
import { UsageError } from '../../cli/errors.ts'
import { DEFAULT_URL, HELP, OPTION_OF_SETTING, parseOptions } from '../../cli/options.ts'

const parse = (line: string, environment = {}) => parseOptions(line.split(' ').filter(Boolean), environment)

describe('the command line', () => {
  test('needs an image and nothing else', () => {
    const options = { action: 'make', url: DEFAULT_URL, givenUrl: null, image: 'rocket.png', settings: {}, out: null }
    expect(parse('rocket.png')).toEqual(options)
  })

  test('parses every setting as a number', () => {
    expect(parse('rocket.png --seed=-7 --motion 200 --cond-aug 0.5 --fps 30 --out a.mp4')).toMatchObject({
      settings: { seed: -7, motionBucketId: 200, condAug: 0.5, fps: 30 },
      out: 'a.mp4',
    })
  })

  test('watches an existing job', () => {
    expect(parse('--watch Sm9i')).toEqual({
      action: 'watch',
      url: DEFAULT_URL,
      givenUrl: null,
      jobId: 'Sm9i',
      out: null,
    })
  })

  test('uses the server of --url, else of REELAY_URL, else the local one', () => {
    const environment = { REELAY_URL: 'https://reelay.example/api/' }
    expect(parse('a.png', environment)).toMatchObject({ url: 'https://reelay.example/api', givenUrl: null })
    expect(parse('a.png --url http://[::1]:4001/graphql', environment)).toMatchObject({
      url: 'http://[::1]:4001',
      givenUrl: 'http://[::1]:4001',
    })
    expect(parse('a.png', { REELAY_URL: '' })).toMatchObject({ url: DEFAULT_URL })
  })

  test.each([
    ['', /missing IMAGE/],
    ['a.png b.png', /expected one IMAGE, got 2: a\.png, b\.png.* not after --/],
    ['a.png --sed 1', /^Unknown option '--sed'$/],
    ['a.png --seed', /--seed/],
    ['a.png --seed -5', /^write --seed=-5: a negative value/],
    ['a.png --fps fast', /--fps must be a number, not "fast"/],
    ['a.png --cond-aug=', /--cond-aug must be a number, not ""/],
    ['a.png --motion 1.5', /--motion must be a whole number/],
    ['a.png --seed 9007199254740993', /--seed must be a whole number within ±9007199254740991/],
    ['a.png --out=', /--out is empty/],
    ['a.png --url ftp://example.com', /http or https URL/],
    ['a.png --watch Sm9i', /no image/],
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
  test('has the settings, and quotes special characters of the shell', () => {
    expect(toRepeatCommand("my rocket's.png", { seed: -3, motionBucketId: null, fps: 30 }, null)).toBe(
      String.raw`npm run video -- 'my rocket'\''s.png' --seed=-3 --fps 30`,
    )
    expect(toRepeatCommand('https://example.com/a.png?b&c', {}, null)).toBe(
      "npm run video -- 'https://example.com/a.png?b&c'",
    )
    expect(toWatchCommand('Sm9i', null)).toBe('npm run video -- --watch Sm9i')
  })

  test('parses back to the same options', () => {
    const settings = { seed: -3, motionBucketId: 5, condAug: 0.1, fps: 30 }
    const url = 'https://video.example.com'
    const words = toRepeatCommand('a.png', settings, url).replace('npm run video -- ', '')
    expect(parse(words)).toMatchObject({ image: 'a.png', settings, url })
    expect(parse(toWatchCommand('Sm9i', url).replace('npm run video -- ', ''))).toMatchObject({ jobId: 'Sm9i', url })
  })
})
