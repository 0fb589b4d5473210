import { toOfflineText } from '../format/request-error.ts'
import { toMoment, toSince } from '../format/time.ts'
import { now } from '../state/clock.ts'
import { useStudio } from '../state/studio.ts'
import { Close, Warning } from './icons.tsx'

/** Why jobs are waiting, while the server has paused submission to fal. */
export function ProviderBanner() {
  const pause = useStudio().provider.pause.value
  return (
    <div class="banner-slot" role="status">
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

/** Messages at the bottom of the page, and announcements for screen readers. */
export function Toasts() {
  const { actionError, isOffline, announcement } = useStudio()
  const { count, text } = announcement.value
  return (
    <>
      <div class="toasts">
        <div role="alert">
          {actionError.text.value !== null && (
            <p class="toast toast-error">
              {actionError.text.value}
              <button type="button" class="icon-button" aria-label="Dismiss" onClick={actionError.clear}>
                <Close />
              </button>
            </p>
          )}
        </div>
        <div role="status">
          {isOffline.value && (
            <p class="toast">
              <span class="toast-dot" aria-hidden="true" />
              {toOfflineText(location.hostname)}
            </p>
          )}
        </div>
      </div>
      <div class="visually-hidden" aria-live="polite">
        <p key={count}>{text}</p>
      </div>
    </>
  )
}

const TRANSPORT_TEXTS = {
  'event-stream': 'Live updates use server-sent events: a proxy blocks WebSockets.',
  polling: 'Live updates use polling and are a few seconds late: a proxy blocks WebSockets and server-sent events.',
}

/** A note at the end of the page, while live updates use another transport than a WebSocket. */
export function TransportNote() {
  const via = useStudio().via.value
  return (
    <div
      class="transport-note hint"
      role="status"
      title="For the proxy’s operator: docs/operations.md, “Without WebSockets”"
    >
      {via !== 'websocket' && <p>{TRANSPORT_TEXTS[via]}</p>}
    </div>
  )
}
