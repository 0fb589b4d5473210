import { defineConfig } from 'vite'

export default defineConfig({
  // The server puts the path of its public URL in the place of this.
  base: './',
  // Written out here, so that the build asks no tsconfig.
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    // The browsers of the README: syntax and CSS are written down to them; that no newer API is called is for a test to say.
    target: ['chrome111', 'edge111', 'firefox114', 'safari16.4'],
    // What is loaded stands in assets/, under a name with a hash; nothing is put into the page itself, whose policy forbids it.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  // For work on the page: `npx vite studio` beside `npm start`.
  server: { proxy: { '/graphql': { target: 'http://127.0.0.1:4000', ws: true } } },
})
