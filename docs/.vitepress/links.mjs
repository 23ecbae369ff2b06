/** @file Links of a page as the site needs them: what lies outside of the site leads to the repository. */
import { existsSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import { REPOSITORY } from '../../tools/docs/links.mjs';

const ROOT = join(import.meta.dirname, '../..');

/** The target of a link for the site. @param page The page's path within docs/. */
function siteLink(page, target) {
  if (/^([a-z][a-z+.-]*:|#|\/)/i.test(target)) return target;
  const [path, anchor] = target.split('#');
  const file = posix.join('docs', posix.dirname(page), decodeURIComponent(path));
  if (file.startsWith('docs/') && file.endsWith('.md')) return target;
  const full = join(ROOT, file);
  const kind = existsSync(full) && statSync(full).isDirectory() ? 'tree' : 'blob';
  return `${REPOSITORY}/${kind}/main/${file.replace(/\/$/, '')}${anchor ? `#${anchor}` : ''}`;
}

/** For markdown-it: gives every link its target on the site. Diagrams stay text: a library that draws them has 3 MB. */
export function siteLinks(md) {
  md.core.ruler.push('site-links', ({ tokens, env }) => {
    for (const block of tokens) {
      if (block.type === 'fence' && block.info === 'mermaid') block.info = 'text';
      for (const token of block.children ?? []) {
        const href = token.type === 'link_open' && token.attrGet('href');
        if (href && env.relativePath) token.attrSet('href', siteLink(env.relativePath, href));
      }
    }
  });
}
