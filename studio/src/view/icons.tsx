import type { ComponentChildren } from 'preact'

/** 20 by 20 pixels, in the colour of the text. The text beside an icon is its label. */
function Icon({ children }: { children: ComponentChildren }) {
  return (
    <svg
      class="icon"
      viewBox="0 0 20 20"
      width="20"
      height="20"
      fill="none"
      stroke="currentColor"
      stroke-width="1.6"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      {children}
    </svg>
  )
}

export const Mark = () => (
  <svg class="mark" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
    <rect width="32" height="32" rx="9" fill="var(--brand)" />
    <path d="M7 16a9 9 0 1 1 9 9H8" fill="none" stroke="#1b1209" stroke-width="3.2" stroke-linecap="round" />
    <path d="M13.2 11.6v8.8l7.4-4.4z" fill="#1b1209" />
  </svg>
)
export const Close = () => (
  <Icon>
    <path d="m5.5 5.5 9 9m0-9-9 9" />
  </Icon>
)
export const Retry = () => (
  <Icon>
    <path d="M15.8 8.2A6.3 6.3 0 1 0 16.2 11M16 4.4v3.9h-3.9" />
  </Icon>
)
export const Sliders = () => (
  <Icon>
    <path d="M3.5 6.5h7m4 0h2m-13 7h2m4 0h7" />
    <circle cx="12.5" cy="6.5" r="2" />
    <circle cx="7.5" cy="13.5" r="2" />
  </Icon>
)
export const Download = () => (
  <Icon>
    <path d="M10 3.5v9m-3.7-3.4L10 12.8l3.7-3.7M4 16.5h12" />
  </Icon>
)
export const Link = () => (
  <Icon>
    <path d="M8.4 11.6a3 3 0 0 0 4.3 0l2.7-2.7a3 3 0 0 0-4.3-4.3l-.9.9m1.4 2.9a3 3 0 0 0-4.3 0l-2.7 2.7a3 3 0 0 0 4.3 4.3l.9-.9" />
  </Icon>
)
export const ImageIcon = () => (
  <Icon>
    <rect x="3" y="4" width="14" height="12" rx="2" />
    <circle cx="7.4" cy="8.2" r="1.3" />
    <path d="m4 14.5 3.8-3.6 2.6 2.4 3-3.3 3 3" />
  </Icon>
)
export const Warning = () => (
  <Icon>
    <path d="M10 7.5v3.2m0 2.6v.1M8.8 3.9 2.9 14.1a1.4 1.4 0 0 0 1.2 2.1h11.8a1.4 1.4 0 0 0 1.2-2.1L11.2 3.9a1.4 1.4 0 0 0-2.4 0Z" />
  </Icon>
)
export const Back = () => (
  <Icon>
    <path d="M16 10H4.5m4.7-4.8L4.4 10l4.8 4.8" />
  </Icon>
)
export const Stop = () => (
  <Icon>
    <circle cx="10" cy="10" r="6.7" />
    <path d="m5.4 5.4 9.2 9.2" />
  </Icon>
)
