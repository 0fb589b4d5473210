import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { useStudio } from '../state/studio.ts'
import { Close, ImageIcon } from './icons.tsx'

/** For these, unlike for image/*, an iPhone converts its HEIC photos to JPEG. Some systems do not know .jfif, a JPEG. */
const ACCEPTED = 'image/jpeg,image/png,image/webp,.jpg,.jpeg,.jfif,.png,.webp'

/** Drop, paste or choose an image, or add its link. */
export function ImageField() {
  const { draft } = useStudio()
  const isDragOver = useSignal(false)
  const setDragOver = (isOver: boolean) => () => {
    isDragOver.value = isOver
  }
  const isTouch = useRef(matchMedia('(pointer: coarse)').matches).current
  const image = draft.image.value
  const issue = draft.issues.value.imageUrl

  return (
    <div class="image-field">
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the file input inside does the same by keyboard */}
      <div
        class={`drop ${isDragOver.value ? 'drop-active' : ''} ${issue === undefined ? '' : 'drop-invalid'} ${image ? 'drop-full' : ''}`}
        onDragOver={setDragOver(true)}
        onDragLeave={setDragOver(false)}
        onDrop={setDragOver(false)}
      >
        <input
          type="file"
          class="file"
          id="image"
          accept={ACCEPTED}
          aria-invalid={issue !== undefined}
          aria-describedby={issue === undefined ? 'image-hint' : 'image-issue'}
          onChange={({ currentTarget }) => {
            const [chosen] = currentTarget.files ?? []
            if (chosen) void draft.chooseFile(chosen)
            // Choosing the same file again after removing it must fire another change event.
            currentTarget.value = ''
          }}
        />
        <label for="image" class="drop-label">
          {image === null ? (
            <span class="drop-text">
              <ImageIcon />
              <strong>{isTouch ? 'Choose a photo' : 'Drop an image, paste, or browse'}</strong>
            </span>
          ) : image.preview === null ? (
            <span class="drop-text">
              <ImageIcon />
              <strong>{image.name}</strong>
              <span>{image.hint}</span>
            </span>
          ) : (
            <img src={image.preview} alt={`Chosen: ${image.name}`} />
          )}
          {image && <span class="drop-change">Choose another</span>}
        </label>
        {image && (
          <button
            type="button"
            class="icon-button drop-remove"
            aria-label="Remove the image"
            onClick={() => {
              draft.choose(null)
              document.getElementById('image')?.focus()
            }}
          >
            <Close />
          </button>
        )}
      </div>
      <p id="image-issue" class="issue" role="alert">
        {issue}
      </p>
      <p id="image-hint" class="hint">
        JPEG, PNG or WebP, up to 10 MiB.
      </p>
      <LinkField />
    </div>
  )
}

function LinkField() {
  const { draft } = useStudio()
  const text = useSignal('')
  const issue = draft.issues.value.link
  function add(): void {
    if (text.value.trim() !== '' && draft.chooseLink(text.value)) text.value = ''
  }
  return (
    <div class="field">
      <label for="link">Or paste an image URL</label>
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
            add()
          }}
          onChange={add}
        />
        <button type="button" class="button" onClick={add}>
          Add
        </button>
      </div>
      <p id="link-issue" class="issue" role="alert">
        {issue}
      </p>
    </div>
  )
}
