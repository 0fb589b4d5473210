import { defineConfig } from 'vite'

export default defineConfig({
  // The server replaces this with the path of its public URL.
  base: './',
  // Set here, so that the build does not read a tsconfig.
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    // The browsers of the README. The build lowers syntax and CSS; test/studio/browser-support.test.ts checks the APIs.
    target: ['chrome111', 'edge111', 'firefox114', 'safari16.4'],
    // Assets get their own files with a hash in the name: the page's content security policy forbids inline data.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  // For development of the page: `npx vite studio` next to `npm start`.
  server: { proxy: { '/graphql': { target: 'http://127.0.0.1:4000', ws: true } } },
})
