import { useSignal } from '@preact/signals'
import { useStudio } from '../state/studio.ts'
import { Close, PictureIcon } from './icons.tsx'

/** An iPhone that is asked for these, not for every image, gives a JPEG of its HEIC. JFIF is JPEG by a name that not all systems know. */
const ACCEPTED = 'image/jpeg,image/png,image/webp,.jpg,.jpeg,.jfif,.png,.webp'

/** Drop, paste or choose a picture, or give its link. */
export function PictureField() {
  const { composer } = useStudio()
  const isOver = useSignal(false)
  const picture = composer.picture.value
  const issue = composer.issues.value.imageUrl

  const file = (
    <input
      type="file"
      class="file"
      id="picture"
      accept={ACCEPTED}
      aria-invalid={issue !== undefined}
      aria-describedby={issue === undefined ? 'picture-hint' : 'picture-issue'}
      onChange={({ currentTarget }) => {
        const [chosen] = currentTarget.files ?? []
        if (chosen) void composer.takeFile(chosen)
        // So that the same file can be chosen again after it was removed.
        currentTarget.value = ''
      }}
    />
  )

  return (
    <div class="picture-field">
      {/* biome-ignore lint/a11y/noStaticElementInteractions: what is dropped here can be chosen by the field inside as well */}
      <div
        class={`drop ${isOver.value ? 'drop-over' : ''} ${issue === undefined ? '' : 'drop-wrong'} ${picture ? 'drop-full' : ''}`}
        onDragOver={() => {
          isOver.value = true
        }}
        onDragLeave={() => {
          isOver.value = false
        }}
        onDrop={() => {
          isOver.value = false
        }}
      >
        {file}
        <label for="picture" class="drop-label">
          {picture === null ? (
            <span class="drop-words">
              <PictureIcon />
              <strong>Drop a picture here</strong>
              <span>or paste one, or choose a file</span>
            </span>
          ) : picture.preview === null ? (
            <span class="drop-words">
              <PictureIcon />
              <strong>{picture.name}</strong>
              <span>{picture.hint}</span>
            </span>
          ) : (
            <img src={picture.preview} alt={`Chosen: ${picture.name}`} />
          )}
          {picture && <span class="drop-change">Choose another</span>}
        </label>
        {picture && (
          <button
            type="button"
            class="icon-button drop-remove"
            aria-label="Remove the picture"
            onClick={() => {
              composer.choose(null)
              document.getElementById('picture')?.focus()
            }}
          >
            <Close />
          </button>
        )}
      </div>
      <p id="picture-issue" class="issue" role="alert">
        {issue}
      </p>
      <p id="picture-hint" class="hint">
        JPEG, PNG or WebP, 10 MiB at most.
      </p>
      <LinkField />
    </div>
  )
}

function LinkField() {
  const { composer } = useStudio()
  const text = useSignal('')
  const issue = composer.issues.value.link
  function take(): void {
    if (text.value.trim() !== '' && composer.takeLink(text.value)) text.value = ''
  }
  return (
    <div class="field">
      <label for="link">Or the link of a picture</label>
      <div class="link-row">
        <input
          id="link"
          type="url"
          inputMode="url"
          autoComplete="off"
          spellcheck={false}
          placeholder="https://"
          value={text}
          aria-invalid={issue !== undefined}
          aria-describedby="link-issue"
          onInput={({ currentTarget }) => {
            text.value = currentTarget.value
          }}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || text.value.trim() === '') return
            event.preventDefault()
            take()
          }}
          onChange={take}
        />
        <button type="button" class="button" onClick={take}>
          Use
        </button>
      </div>
      <p id="link-issue" class="issue" role="alert">
        {issue}
      </p>
    </div>
  )
}
