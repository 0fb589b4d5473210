import { useRef } from 'preact/hooks'
import { SETTINGS } from '../../../operations/generated/settings.ts'
import { fromSlider, NUMBER_SETTINGS, type SettingWords, stepFreedom, toPlaces, toSlider } from '../state/settings.ts'
import { useStudio } from '../state/studio.ts'

/** The numbers that shape a video, each with its range and its default. */
export function SettingsFields() {
  const { composer } = useStudio()
  // Once, before it is shown: where there is room, they are open.
  const isOpen = useRef(matchMedia('(min-width: 640px)').matches).current
  const { motionBucketId, fps, seed } = composer.texts.value
  return (
    <details class="settings" open={isOpen}>
      <summary>
        <span class="settings-title">Settings</span>
        <span class="settings-sum">
          Motion {motionBucketId} · {fps} fps{seed && ` · seed ${seed}`}
        </span>
      </summary>
      {NUMBER_SETTINGS.map((words) => (
        <NumberField key={words.name} words={words} />
      ))}
      <SeedField />
      <button type="button" class="link-button" onClick={() => composer.reset()}>
        Back to the defaults
      </button>
    </details>
  )
}

const ARROWS: Record<string, 1 | -1> = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }

function NumberField({ words: { name, label, hint, isWhole } }: { words: SettingWords }) {
  const { composer } = useStudio()
  const { least, most, initial } = SETTINGS[name]
  const text = composer.texts.value[name]
  const issue = composer.issues.value[name]
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
          onInput={({ currentTarget }) => composer.write(name, currentTarget.value)}
        />
      </div>
      <input
        type="range"
        class="slider"
        aria-label={`${label}, as a slider`}
        aria-valuetext={text}
        {...toPlaces(name)}
        step={1}
        value={toSlider(name, Number.isFinite(value) ? value : initial)}
        onKeyDown={(event) => {
          const direction = ARROWS[event.key]
          if (name !== 'condAug' || !direction) return
          event.preventDefault()
          composer.write(name, String(stepFreedom(Number.isFinite(value) ? value : initial, direction)))
        }}
        onInput={({ currentTarget }) => composer.write(name, String(fromSlider(name, Number(currentTarget.value))))}
      />
      <p id={`${name}-hint`} class="hint">
        {hint} Default: {initial}.
      </p>
      <p id={`${name}-issue`} class="issue" role="alert">
        {issue}
      </p>
    </div>
  )
}

function SeedField() {
  const { composer } = useStudio()
  const issue = composer.issues.value.seed
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
          value={composer.texts.value.seed}
          aria-invalid={issue !== undefined}
          aria-describedby="seed-hint seed-issue"
          onInput={({ currentTarget }) => composer.write('seed', currentTarget.value)}
        />
      </div>
      <p id="seed-hint" class="hint">
        The same seed makes the same clip again. Leave it empty for a new one each time.
      </p>
      <p id="seed-issue" class="issue" role="alert">
        {issue}
      </p>
    </div>
  )
}
