import { useStudio } from '../state/studio.ts'
import { Close } from './icons.tsx'

/** All that is said of the page as a whole. */
export function Signs() {
  return (
    <>
      <div class="signs">
        <Notice />
        <OfflineSign />
      </div>
      <Announcer />
    </>
  )
}

/** Says so while there is no connection, beside the page and not in its way. */
function OfflineSign() {
  const { isOffline } = useStudio()
  return (
    <div role="status">
      {isOffline.value && (
        <p class="sign">
          <span class="sign-dot" aria-hidden="true" />
          Offline – your jobs go on; this page catches up.
        </p>
      )}
    </div>
  )
}

/** What went wrong with a button. */
function Notice() {
  const { words, say } = useStudio().notice
  return (
    <div role="alert">
      {words.value !== null && (
        <p class="notice">
          {words.value}
          <button type="button" class="icon-button" aria-label="Put this message away" onClick={() => say(null)}>
            <Close />
          </button>
        </p>
      )}
    </div>
  )
}

function Announcer() {
  const { count, words } = useStudio().announcement.value
  return (
    <div class="unseen" aria-live="polite">
      <p key={count}>{words}</p>
    </div>
  )
}

const VIA_WORDS = {
  'event-stream': 'Live updates come by event streams: your proxy does not pass WebSockets.',
  polling: 'Live updates come by polling, some seconds late: your proxy passes neither WebSockets nor event streams.',
}

/** At the end of the page, while updates come by another way than they should. */
export function ViaSign() {
  const via = useStudio().via.value
  return (
    <div class="via hint" role="status" title="For whoever runs the proxy: docs/operations.md, “Without WebSockets”">
      {via !== 'websocket' && <p>{VIA_WORDS[via]}</p>}
    </div>
  )
}
