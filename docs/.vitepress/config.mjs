/** @file The site: markdown of this folder by VitePress. Its pages and their order are in pages.mjs. */
import { defineConfig } from 'vitepress';
import { REPOSITORY } from '../../tools/docs/links.mjs';
import { slugOf } from '../../tools/docs/markdown.mjs';
import { home } from './home.mjs';
import { siteLinks } from './links.mjs';
import { sidebar } from './pages.mjs';
import { writeTexts } from './texts.mjs';

const title = 'Arena';
const description =
  'QLoRA fine-tuning of Gemma 2 and 3 in TypeScript, to predict which of two chatbot answers a person prefers.';
/** Where the site will lie: `/` or, on GitHub's pages, `/arena/`. */
const base = process.env.SITE_BASE ?? '/';

export default defineConfig({
  title,
  description,
  base,
  lang: 'en',
  cleanUrls: true,
  srcExclude: ['node_modules/**', 'public/**'],
  head: [
    ['link', { rel: 'icon', href: `${base}mark.svg`, type: 'image/svg+xml' }],
    ['meta', { name: 'theme-color', content: '#1f5cab' }],
  ],
  markdown: {
    anchor: { slugify: slugOf },
    config: (md) => md.use(siteLinks),
    theme: { light: 'github-light-high-contrast', dark: 'github-dark' },
    languageAlias: { jsonl: 'json' },
  },
  themeConfig: {
    logo: '/mark.svg',
    outline: [2, 3],
    search: { provider: 'local', options: { _render: renderForSearch } },
    sidebar: sidebar(),
    nav: [
      { text: 'First steps', link: '/start/five-minutes' },
      { text: 'Concepts', link: '/concepts/battles' },
      { text: 'Reference', link: '/reference/commands' },
      { text: 'Help', link: '/help/faq' },
      { text: 'Try it', link: '/play/index.html', target: '_self' },
    ],
    socialLinks: [{ icon: 'github', link: REPOSITORY, ariaLabel: 'The repository' }],
    editLink: { pattern: `${REPOSITORY}/edit/main/docs/:path`, text: 'Edit this page' },
    footer: { message: 'Apache-2.0' },
  },
  // the front matter of the first page, which the formatter of markdown would break
  transformPageData: (page) => {
    if (page.relativePath === 'index.md') Object.assign(page, { title, frontmatter: home });
  },
  buildEnd: ({ outDir }) => writeTexts(outDir, { base, title, description }),
});

/** The API is left out of the search: its names would bury the pages. */
function renderForSearch(source, env, md) {
  return env.relativePath.startsWith('reference/api/') ? '' : md.render(source, env);
}
