/** Written by scripts/setting-ranges.ts: the ranges and defaults of the API's settings. */
export const SETTINGS = {
  motionBucketId: { least: 1, most: 255, initial: 127 },
  condAug: { least: 0, most: 10, initial: 0.02 },
  fps: { least: 10, most: 100, initial: 25 },
} as const
