import { now } from '../state/clock.ts'
import { useStudio } from '../state/studio.ts'
import { toMoment, toSince } from '../words/time.ts'
import { Warning } from './icons.tsx'

/** Says why nothing moves, while fal takes no jobs. */
export function ProviderBanner() {
  const pause = useStudio().provider.pause.value
  return (
    <div class="banner-place" role="status">
      {pause && (
        <div class="banner" data-state={pause.state}>
          <Warning />
          <p>
            {pause.reason}
            {pause.since && (
              <>
                {' '}
                <time class="banner-since" dateTime={pause.since} title={toMoment(pause.since)}>
                  Since {toSince(Date.parse(pause.since), now.value)}.
                </time>
              </>
            )}
          </p>
        </div>
      )}
    </div>
  )
}
