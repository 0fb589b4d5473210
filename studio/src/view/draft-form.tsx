import { useSignalEffect } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { Draft } from '../state/draft.ts'
import { useStudio } from '../state/studio.ts'
import { ImageField } from './image-field.tsx'
import { SettingsFields } from './settings-fields.tsx'

export function DraftForm() {
  const { draft } = useStudio()
  const { isSubmitting, wasSubmitted, error, reuseCount } = draft
  const form = useRef<HTMLFormElement>(null)

  usePasteAndDrop(draft)

  // After a card filled the form, scroll it into view.
  useSignalEffect(() => {
    if (reuseCount.value === 0) return
    const isReduced = matchMedia('(prefers-reduced-motion: reduce)').matches
    form.current?.scrollIntoView({ block: 'start', behavior: isReduced ? 'auto' : 'smooth' })
    form.current?.querySelector<HTMLElement>('.generate')?.focus({ preventScroll: true })
    // After the fields are marked as invalid.
    requestAnimationFrame(() => focusInvalid())
  })

  /** Focuses the first invalid field. @returns whether there is one */
  function focusInvalid(): boolean {
    const invalid = form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')
    invalid?.closest('details')?.setAttribute('open', '')
    invalid?.focus()
    // With the message below it.
    invalid?.closest('.field, .image-field')?.scrollIntoView({ block: 'nearest' })
    return invalid != null
  }

  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    await draft.generate()
    if (!focusInvalid() && wasSubmitted.peek()) requestAnimationFrame(showNewest)
  }

  return (
    <section class="draft" aria-labelledby="draft-title">
      <form
        ref={form}
        noValidate
        onSubmit={(event) => void submit(event)}
        onKeyDown={(event) => {
          // Holding the key down submits once.
          if (event.key === 'Enter' && event.repeat) event.preventDefault()
        }}
      >
        <div class="draft-fields">
          <h2 id="draft-title">New video</h2>
          <ImageField />
          <SettingsFields />
        </div>
        <div class="draft-submit">
          <div role="alert">{error.text.value !== null && <p class="form-error">{error.text.value}</p>}</div>
          <button type="submit" class="generate" aria-disabled={isSubmitting.value || wasSubmitted.value}>
            {isSubmitting.value ? 'Submitting…' : wasSubmitted.value ? 'Submitted' : 'Generate'}
          </button>
        </div>
      </form>
    </section>
  )
}

/** Scrolls to the newest card if it is out of view. */
function showNewest(): void {
  const top = document.querySelector('.card')?.getBoundingClientRect().top ?? -1
  if (top < 0 || top > innerHeight * 0.7) document.getElementById('gallery')?.scrollIntoView({ block: 'start' })
}

/** Accepts an image or a link that is pasted or dropped anywhere on the page, except text pasted into a field. */
function usePasteAndDrop(draft: Draft): void {
  useEffect(() => {
    const unmounting = new AbortController()
    const { signal } = unmounting

    function accept(event: Event, data: DataTransfer | null): void {
      const [file] = data?.files ?? []
      const text = data?.getData('text/plain').trim() ?? ''
      if (file) void draft.chooseFile(file)
      else if (/^https?:\/\/\S+$/.test(text)) draft.chooseLink(text)
      else return
      event.preventDefault()
    }
    document.addEventListener(
      'paste',
      (event) => {
        const isInField = event.target instanceof Element && event.target.closest('input') !== null
        if (!isInField || event.clipboardData?.files.length) accept(event, event.clipboardData)
      },
      { signal },
    )
    // Prevent the default of every drop: the browser would navigate to a file dropped outside of the field.
    document.addEventListener('dragover', (event) => event.preventDefault(), { signal })
    document.addEventListener(
      'drop',
      (event) => {
        event.preventDefault()
        accept(event, event.dataTransfer)
      },
      { signal },
    )
    return () => unmounting.abort()
  }, [draft])
}
