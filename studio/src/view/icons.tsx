/** 20 by 20 pixels, in the colour of the text. The text beside an icon is its label. */
function Icon({ path }: { path: string }) {
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
      <path d={path} />
    </svg>
  )
}

export const Mark = () => (
  <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
    <rect width="32" height="32" rx="9" fill="#e8833a" />
    <path d="M7 16a9 9 0 1 1 9 9H8" fill="none" stroke="#1b1209" stroke-width="3.2" stroke-linecap="round" />
    <path d="M13.2 11.6v8.8l7.4-4.4z" fill="#1b1209" />
  </svg>
)
export const Close = () => <Icon path="m5.5 5.5 9 9m0-9-9 9" />
export const Retry = () => <Icon path="M15.8 8.2A6.3 6.3 0 1 0 16.2 11M16 4.4v3.9h-3.9" />
export const Sliders = () => (
  <Icon path="M3.5 6.5h7m4 0h2m-13 7h2m4 0h7M10.5 6.5a2 2 0 1 0 4 0 2 2 0 1 0-4 0m-5 7a2 2 0 1 0 4 0 2 2 0 1 0-4 0" />
)
export const Download = () => <Icon path="M10 3.5v9m-3.7-3.4L10 12.8l3.7-3.7M4 16.5h12" />
export const Link = () => (
  <Icon path="M8.4 11.6a3 3 0 0 0 4.3 0l2.7-2.7a3 3 0 0 0-4.3-4.3l-.9.9m1.4 2.9a3 3 0 0 0-4.3 0l-2.7 2.7a3 3 0 0 0 4.3 4.3l.9-.9" />
)
export const ImageIcon = () => (
  <Icon path="M5 4h10a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2Zm1.1 4.2a1.3 1.3 0 1 0 2.6 0 1.3 1.3 0 1 0-2.6 0M4 14.5l3.8-3.6 2.6 2.4 3-3.3 3 3" />
)
export const Warning = () => (
  <Icon path="M10 7.5v3.2m0 2.6v.1M8.8 3.9 2.9 14.1a1.4 1.4 0 0 0 1.2 2.1h11.8a1.4 1.4 0 0 0 1.2-2.1L11.2 3.9a1.4 1.4 0 0 0-2.4 0Z" />
)
export const Back = () => <Icon path="M16 10H4.5m4.7-4.8L4.4 10l4.8 4.8" />
export const Stop = () => <Icon path="M3.3 10a6.7 6.7 0 1 0 13.4 0 6.7 6.7 0 1 0-13.4 0m2.1-4.6 9.2 9.2" />
