/** The site: the pages that `scripts/build-docs.ts` has laid out in `site/pages`, with VitePress's own theme. */
import { readFileSync } from 'node:fs';
import { slug } from 'github-slugger';
import { defineConfig } from 'vitepress';

const sidebar = JSON.parse(readFileSync(new URL('../pages/sidebar.json', import.meta.url), 'utf8'));

export default defineConfig({
  title: 'otel-spillway',
  description: 'A LogRecordProcessor for OpenTelemetry JS that does not lose logs',
  lang: 'en',
  // Where the site is not at the root of its host.
  base: (process.env.DOCS_BASE ?? '/') as `/${string}/`,
  srcDir: 'pages',
  outDir: 'dist',
  cacheDir: 'node_modules/.cache/vitepress',
  // As GitHub makes them, by which the pages refer to each other's headings.
  markdown: { anchor: { slugify: slug } },
  // Many of them are addresses that one's own collector would have.
  ignoreDeadLinks: [/^https?:\/\/localhost/],
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Start', link: '/' },
      { text: 'Documentation', link: '/docs/' },
      { text: 'Options', link: '/docs/options' },
      { text: 'API', link: '/api/' },
    ],
    sidebar,
  },
});
