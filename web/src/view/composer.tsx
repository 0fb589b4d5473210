import { useSignalEffect } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { linkPicture, openPicture, PICTURE_TYPES } from '../state/picture.ts'
import { useStudio } from '../state/studio.ts'
import { PictureField } from './picture-field.tsx'
import { SettingsFields } from './settings-fields.tsx'

/** A picture, its settings, and the button that makes a video of them. */
export function ComposerForm() {
  const { composer } = useStudio()
  const { isSending, problem, summons } = composer
  const form = useRef<HTMLFormElement>(null)

  async function takeFile(file: File): Promise<void> {
    try {
      composer.choose(await openPicture(file))
    } catch (error) {
      composer.refuse(error instanceof Error ? error.message : 'This picture cannot be used.')
    }
  }

  usePaste((file) => void takeFile(file), (text) => composer.choose(linkPicture(text)))

  // Put to use from a card: the form comes into view with what was put into it.
  useSignalEffect(() => {
    if (summons.value === 0) return
    form.current?.scrollIntoView({ block: 'start', behavior: 'smooth' })
    form.current?.querySelector<HTMLElement>('.generate')?.focus({ preventScroll: true })
  })

  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    await composer.generate()
    const wrong = form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')
    wrong?.closest('details')?.setAttribute('open', '')
    wrong?.focus()
    if (!wrong && problem.peek() === null && matchMedia('(max-width: 999px)').matches)
      document.getElementById('gallery')?.scrollIntoView({ block: 'start' })
  }

  return (
    <section class="composer" aria-labelledby="composer-title">
      <form ref={form} noValidate onSubmit={(event) => void submit(event)}>
        <h2 id="composer-title">New video</h2>
        <PictureField takeFile={takeFile} />
        <SettingsFields />
        <button type="submit" class="generate" aria-disabled={isSending.value}>
          {isSending.value ? 'Sending…' : 'Generate'}
        </button>
        <div role="alert">{problem.value !== null && <p class="form-problem">{problem.value}</p>}</div>
      </form>
    </section>
  )
}

/** A picture or a link that is pasted anywhere but into a field. */
function usePaste(onFile: (file: File) => void, onLink: (text: string) => void): void {
  const latest = useRef({ onFile, onLink })
  latest.current = { onFile, onLink }
  useEffect(() => {
    function take(event: ClipboardEvent): void {
      const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => PICTURE_TYPES.includes(type))
      const isInField = event.target instanceof HTMLElement && event.target.closest('input') !== null
      const text = event.clipboardData?.getData('text/plain').trim() ?? ''
      if (file) latest.current.onFile(file)
      else if (!isInField && /^https?:\/\/\S+$/.test(text)) latest.current.onLink(text)
      else return
      event.preventDefault()
    }
    document.addEventListener('paste', take)
    return () => document.removeEventListener('paste', take)
  }, [])
}
