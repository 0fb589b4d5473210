import { useStudio } from '../state/studio.ts'
import { Close } from './icons.tsx'

/** Says so while there is no connection, beside the page and not in its way. */
export function OfflineSign() {
  const { isOffline } = useStudio()
  return (
    <div class="sign-place" role="status">
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
export function Notice() {
  const { notice, say } = useStudio()
  return (
    <div class="notice-place" role="alert">
      {notice.value !== null && (
        <p class="notice">
          {notice.value}
          <button type="button" class="icon-button" aria-label="Put this message away" onClick={() => say(null)}>
            <Close />
          </button>
        </p>
      )}
    </div>
  )
}

export function Announcer() {
  const { announcement } = useStudio()
  return (
    <div class="unseen" aria-live="polite">
      {announcement}
    </div>
  )
}
