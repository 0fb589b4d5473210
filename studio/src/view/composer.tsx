import { useSignalEffect } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { Composer } from '../state/composer.ts'
import { useStudio } from '../state/studio.ts'
import { PictureField } from './picture-field.tsx'
import { SettingsFields } from './settings-fields.tsx'

/** A picture, its settings, and the button that makes a video of them. */
export function ComposerForm() {
  const { composer } = useStudio()
  const { isSending, hasStarted, problem, summons } = composer
  const form = useRef<HTMLFormElement>(null)

  useTransfers(composer)

  // Put to use from a card: the form comes into view with what was put into it.
  useSignalEffect(() => {
    if (summons.value === 0) return
    const isStill = matchMedia('(prefers-reduced-motion: reduce)').matches
    form.current?.scrollIntoView({ block: 'start', behavior: isStill ? 'auto' : 'smooth' })
    form.current?.querySelector<HTMLElement>('.generate')?.focus({ preventScroll: true })
    // Once the fields are marked.
    requestAnimationFrame(() => showWrong())
  })

  /** Leads to the first field that something is wrong with; answers whether there is one. */
  function showWrong(): boolean {
    const wrong = form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')
    wrong?.closest('details')?.setAttribute('open', '')
    wrong?.focus()
    // With what is said below it.
    wrong?.closest('.field, .picture-field')?.scrollIntoView({ block: 'nearest' })
    return wrong != null
  }

  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    await composer.generate()
    if (!showWrong() && hasStarted.peek()) requestAnimationFrame(showNewest)
  }

  return (
    <section class="composer" aria-labelledby="composer-title">
      <form
        ref={form}
        noValidate
        onSubmit={(event) => void submit(event)}
        onKeyDown={(event) => {
          // A key that is held down is pressed once.
          if (event.key === 'Enter' && event.repeat) event.preventDefault()
        }}
      >
        <div class="composer-fields">
          <h2 id="composer-title">New video</h2>
          <PictureField />
          <SettingsFields />
        </div>
        <div class="composer-end">
          <div role="alert">{problem.words.value !== null && <p class="form-problem">{problem.words.value}</p>}</div>
          <button type="submit" class="generate" aria-disabled={isSending.value || hasStarted.value}>
            {isSending.value ? 'Sending…' : hasStarted.value ? 'Started' : 'Generate'}
          </button>
        </div>
      </form>
    </section>
  )
}

/** What was begun is seen, wherever the page was scrolled to. */
function showNewest(): void {
  const top = document.querySelector('.card')?.getBoundingClientRect().top ?? -1
  if (top < 0 || top > innerHeight * 0.7) document.getElementById('gallery')?.scrollIntoView({ block: 'start' })
}

/** A picture or a link that is pasted or dropped anywhere on the page, but for what belongs into a field. */
function useTransfers(composer: Composer): void {
  useEffect(() => {
    const leaving = new AbortController()
    const { signal } = leaving

    function take(event: Event, data: DataTransfer | null): void {
      const [file] = data?.files ?? []
      const text = data?.getData('text/plain').trim() ?? ''
      if (file) void composer.takeFile(file)
      else if (/^https?:\/\/\S+$/.test(text)) composer.takeLink(text)
      else return
      event.preventDefault()
    }
    document.addEventListener(
      'paste',
      (event) => {
        const isInField = event.target instanceof Element && event.target.closest('input') !== null
        if (!isInField || event.clipboardData?.files.length) take(event, event.clipboardData)
      },
      { signal },
    )
    // Also what nobody takes: the browser would leave the page for a file that is dropped beside the field.
    document.addEventListener('dragover', (event) => event.preventDefault(), { signal })
    document.addEventListener(
      'drop',
      (event) => {
        event.preventDefault()
        take(event, event.dataTransfer)
      },
      { signal },
    )
    return () => leaving.abort()
  }, [composer])
}
