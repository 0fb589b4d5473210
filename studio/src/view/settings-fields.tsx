import { useRef } from 'preact/hooks'
import { SETTINGS } from '../../../operations/generated/settings.ts'
import { fromSlider, NUMBER_INPUTS, type NumberInput, stepNoise, toSlider, toSliderRange } from '../state/settings.ts'
import { useStudio } from '../state/studio.ts'

/** The model's settings, each with its range and its default. */
export function SettingsFields() {
  const { draft } = useStudio()
  // Open on wide screens. Read once, so that a re-render does not override the user.
  const isOpen = useRef(matchMedia('(min-width: 640px)').matches).current
  const { motionBucketId, fps, seed } = draft.texts.value
  return (
    <details class="settings" open={isOpen}>
      <summary>
        <span class="settings-title">Settings</span>
        <span class="settings-summary">
          Motion {motionBucketId} · {fps} fps{seed && ` · seed ${seed}`}
        </span>
      </summary>
      {NUMBER_INPUTS.map((input) => (
        <NumberField key={input.name} input={input} />
      ))}
      <SeedField />
      <button type="button" class="link-button" onClick={() => draft.reset()}>
        Reset
      </button>
    </details>
  )
}

const ARROWS: Record<string, 1 | -1> = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }

function NumberField({ input: { name, label, hint, isWhole } }: { input: NumberInput }) {
  const { draft } = useStudio()
  const { least, most, initial } = SETTINGS[name]
  const text = draft.texts.value[name]
  const issue = draft.issues.value[name]
  const value = Number(text)
  return (
    <div class="field">
      <div class="field-head">
        <label for={name}>{label}</label>
        <input
          id={name}
          class="number"
          type="number"
          inputMode={isWhole ? 'numeric' : 'decimal'}
          min={least}
          max={most}
          step={isWhole ? 1 : 0.01}
          value={text}
          aria-invalid={issue !== undefined}
          aria-describedby={`${name}-hint ${name}-issue`}
          onInput={({ currentTarget }) => draft.write(name, currentTarget.value)}
        />
      </div>
      <input
        type="range"
        class="slider"
        aria-label={`${label} slider`}
        aria-valuetext={text}
        {...toSliderRange(name)}
        step={1}
        value={toSlider(name, Number.isFinite(value) ? value : initial)}
        onKeyDown={(event) => {
          const direction = ARROWS[event.key]
          if (name !== 'condAug' || !direction) return
          event.preventDefault()
          draft.write(name, String(stepNoise(Number.isFinite(value) ? value : initial, direction)))
        }}
        onInput={({ currentTarget }) => draft.write(name, String(fromSlider(name, Number(currentTarget.value))))}
      />
      <p id={`${name}-hint`} class="hint">
        {hint} Default:&nbsp;{initial}.
      </p>
      <p id={`${name}-issue`} class="issue" role="alert">
        {issue}
      </p>
    </div>
  )
}

function SeedField() {
  const { draft } = useStudio()
  const issue = draft.issues.value.seed
  return (
    <div class="field">
      <div class="field-head">
        <label for="seed">Seed</label>
        <input
          id="seed"
          class="number number-wide"
          type="text"
          inputMode="numeric"
          autoComplete="off"
          placeholder="Random"
          value={draft.texts.value.seed}
          aria-invalid={issue !== undefined}
          aria-describedby="seed-hint seed-issue"
          onInput={({ currentTarget }) => draft.write('seed', currentTarget.value)}
        />
      </div>
      <p id="seed-hint" class="hint">
        The same seed makes the same video. Leave it empty for a random one.
      </p>
      <p id="seed-issue" class="issue" role="alert">
        {issue}
      </p>
    </div>
  )
}
