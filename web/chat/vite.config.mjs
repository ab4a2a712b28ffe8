// The chat page: `npm run build` puts it into dist/web/chat, and `parley api` serves it at /chat.
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

export default defineConfig({
  root: path('.'),
  // Relative: the page also works behind a proxy that adds a prefix to the path.
  base: './',
  resolve: { alias: { '@parley-chat/client/realtime': path('../../src/client/realtime/public.ts') } },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: path('../../dist/web/chat'),
    emptyOutDir: true,
    target: 'es2022',
    // Files of their own: the content security policy allows no data URL.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  logLevel: 'warn',
});
