import { useEffect, useRef } from 'preact/hooks'
import { toMoment } from '../format/time.ts'
import type { JobEntry } from '../state/job-entry.ts'

/** The newest log line; unfolded, all of them. */
export function FoldedLog({ entry }: { entry: JobEntry }) {
  return (
    <details class="log-fold">
      <summary>
        <span class="log-title">Log</span>
        <span class="log-newest">{entry.logs.at(-1)?.message ?? 'No lines yet'}</span>
      </summary>
      <LogLines entry={entry} />
    </details>
  )
}

/** The log lines of fal's model. */
export function LogLines({ entry: { logs, hasFullLog } }: { entry: JobEntry }) {
  const list = useRef<HTMLOListElement>(null)
  const isAtEnd = useRef(true)
  useEffect(() => {
    if (list.current && isAtEnd.current) list.current.scrollTop = list.current.scrollHeight
  }, [logs])
  if (logs.length === 0) return <p class="log-none">{hasFullLog ? 'The log is empty.' : 'No lines yet.'}</p>
  return (
    <ol
      ref={list}
      class="log"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard
      tabIndex={0}
      aria-label="Log"
      onScroll={({ currentTarget }) => {
        isAtEnd.current = currentTarget.scrollHeight - currentTarget.scrollTop - currentTarget.clientHeight < 24
      }}
    >
      {logs.map((line, place) => (
        <li key={place} data-level={line.level} title={line.at ? toMoment(line.at) : undefined}>
          {line.message}
        </li>
      ))}
    </ol>
  )
}
