import { defineConfig } from 'vite'

export default defineConfig({
  // Written out here, so that the build asks no tsconfig.
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2022',
    // What is loaded stands in assets/, under a name with a hash; nothing is put into the page itself, whose policy forbids it.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  // For work on the page: `npx vite web` beside `npm start`.
  server: { proxy: { '/graphql': { target: 'http://127.0.0.1:4000', ws: true } } },
})
