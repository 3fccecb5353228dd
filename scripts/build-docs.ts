/** Builds the documentation as a site, `site/dist`: the Markdown pages of the repository, and the public types from their docstrings. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { cp, glob, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join, posix, relative } from 'node:path';
import { conclude, installed, root, runOrThrow } from './tools.ts';

const site = join(root, 'site');
const pages = join(site, 'pages');
const dist = join(site, 'dist');

/** Where the walk along links begins. */
const FIRST = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'docs/**/*.md'];
const PICTURE = /\.(svg|png|jpe?g|webp)$/;
const LINK = /(\]\()([^)#\s]+)((?:#[^)\s]*)?\))/g;
const LANGUAGES: Record<string, string> = {
  '': 'text',
  '.cjs': 'js',
  '.conf': 'nginx',
  '.env': 'sh',
  '.mjs': 'js',
  '.yml': 'yaml',
};

const problems: string[] = [];

/** Repository paths stay as they are, so that what the pages say of each other does. @returns the pages. */
async function layOut(): Promise<string[]> {
  const waiting = new Set<string>();
  for await (const file of glob(FIRST, { cwd: root })) waiting.add(file);
  // What is added while this goes on is reached as well.
  for (const file of waiting) {
    const text = await readFile(join(root, file), 'utf8');
    if (extname(file) === '.md') {
      const page = withLinksInSite(text, file, (target) => waiting.add(target));
      await write(file, file.startsWith('examples/') ? `${page}${await codeBeside(file)}` : page);
    } else if (PICTURE.test(file)) {
      await cp(join(root, file), join(pages, file));
    } else {
      await write(`${file}.md`, `# ${basename(file)}\n${block(file, text)}`);
    }
  }
  const files = [...waiting].filter((file) => extname(file) === '.md');
  await write(posix.join('docs/decisions', 'README.md'), await decisions(files));
  return files;
}

function block(file: string, code: string): string {
  const extension = extname(file);
  return `\n\`\`\`${LANGUAGES[extension] ?? extension.slice(1)}\n${code}\`\`\`\n`;
}

async function write(file: string, text: string): Promise<void> {
  const path = join(pages, indexOf(file));
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

/** What a folder shows has another name in a site than in a repository. */
function indexOf(file: string): string {
  return file.replace(/README\.md$/, 'index.md');
}

/** Folders, and files that are neither pages nor pictures, are pages in the site. `found` hears of every file. */
function withLinksInSite(text: string, page: string, found: (file: string) => void): string {
  return text.replaceAll(LINK, (whole, before: string, target: string, after: string) => {
    if (/^[a-z]+:/.test(target)) return whole;
    const path = posix.normalize(posix.join(posix.dirname(page), target));
    const stat = statSync(join(root, path), { throwIfNoEntry: false });
    if (stat?.isDirectory()) {
      const readme = posix.join(path, 'README.md');
      if (existsSync(join(root, readme))) found(readme);
      return `${before}${target.replace(/\/$/, '')}/index.md${after}`;
    }
    if (stat?.isFile()) found(path);
    if (extname(path) === '.md') return `${before}${indexOf(target)}${after}`;
    return PICTURE.test(path) ? whole : `${before}${target}.md${after}`;
  });
}

async function codeBeside(file: string): Promise<string> {
  const folder = dirname(join(root, file));
  const names = readdirSync(folder).filter((name) => /\.([cm]?[jt]s|env)$|^package\.json$/.test(name));
  const blocks = names.sort().map(async (name) => {
    const code = await readFile(join(folder, name), 'utf8');
    return `\n## ${name}\n${block(name, code)}`;
  });
  return (await Promise.all(blocks)).join('');
}

async function decisions(files: readonly string[]): Promise<string> {
  const lines: string[] = [];
  for (const file of files.filter((name) => name.startsWith('docs/decisions/')).sort()) {
    lines.push(`- [${titleOf(await readFile(join(root, file), 'utf8'))}](${basename(file)})`);
  }
  return `# Decisions\n\nWhy it is as it is, with what was rejected.\n\n${lines.join('\n')}\n`;
}

function titleOf(text: string): string {
  return /^# (.*)/m.exec(text)?.[1] ?? 'untitled';
}

interface Item {
  text: string;
  link?: string;
  items?: Item[];
  collapsed?: boolean;
}

/** The tables of `docs/README.md`, in their order. Every page of `docs/` has to be in one. */
async function sidebar(files: readonly string[]): Promise<Item[]> {
  const groups: Item[] = [];
  const linked = new Set<string>(['docs/README.md']);
  const text = await readFile(join(pages, 'docs', 'index.md'), 'utf8');
  for (const section of text.split(/^## /m).slice(1)) {
    const items = [...section.matchAll(/^\| \[(.*?)\]\((.*?)\)/gm)].map(
      ([, title = '', target = '']): Item => {
        const path = posix.normalize(posix.join('docs', target));
        linked.add(path);
        return { text: title, link: `/${path.replace(/README\.md$/, '').replace(/\.md$/, '')}` };
      },
    );
    groups.push({ text: section.split('\n', 1)[0] ?? '', items });
  }
  groups[0]?.items?.unshift({ text: 'Front page', link: '/' });
  for (const file of files) {
    if (/^docs\/[^/]+\.md$/.test(file) && !linked.has(file))
      problems.push(`docs/README.md does not name ${file}`);
  }
  const api = JSON.parse(await readFile(join(pages, 'api/typedoc-sidebar.json'), 'utf8')) as Item[];
  // TypeDoc calls them as their files are called.
  const names: Record<string, string> = { index: 'otel-spillway', testing: 'otel-spillway/testing' };
  const modules = api.map((item) => ({
    ...item,
    text: names[item.text] ?? item.text,
  }));
  return [
    ...groups,
    { text: 'API', collapsed: true, items: [{ text: 'Overview', link: '/api/' }, ...modules] },
  ];
}

/** VitePress finds links to pages that are not there; this finds those to headings that are not there. */
async function checkAnchors(): Promise<number> {
  const ids = new Map<string, Set<string>>();
  const links: { from: string; to: string; id: string }[] = [];
  const base = process.env.DOCS_BASE ?? '/';
  for await (const file of glob('**/*.html', { cwd: dist })) {
    const html = await readFile(join(dist, file), 'utf8');
    ids.set(file, new Set([...html.matchAll(/\sid="([^"]+)"/g)].map(([, id = '']) => id)));
    for (const [, path = '', id = ''] of html.matchAll(/\shref="([^"#:]*)#([^"]+)"/g)) {
      const isAbsolute = path.startsWith(base);
      const target = isAbsolute ? path.slice(base.length) : posix.join(posix.dirname(file), path);
      const page = /(^|\/)$/.test(target) ? `${target}index.html` : target;
      links.push({
        from: file,
        to: path === '' ? file : posix.normalize(page),
        id: decodeURIComponent(id),
      });
    }
  }
  for (const { from, to, id } of links) {
    if (id !== 'VPContent' && !ids.get(to)?.has(id)) problems.push(`${from}: ${to} has no heading #${id}`);
  }
  return ids.size;
}

await installed('site');
await rm(pages, { recursive: true, force: true });
const files = await layOut();
const bin = (path: string) => join(site, 'node_modules', path);
await runOrThrow(process.execPath, [bin('typedoc/bin/typedoc')], { cwd: site, timeoutMillis: 300_000 });
await writeFile(join(pages, 'sidebar.json'), JSON.stringify(await sidebar(files)));
await runOrThrow(process.execPath, [bin('vitepress/bin/vitepress.js'), 'build'], {
  cwd: site,
  timeoutMillis: 600_000,
});
const built = await checkAnchors();
conclude(problems, `docs: ${built} pages in ${relative(root, dist)}`);
