/** The gate for the playground: its types, and its page in a real Chromium. Without one it is skipped, and counted as such. */
import { constants } from 'node:fs';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { conclude, installed, root, run, runOrThrow } from './tools.ts';

const RESULTS = join(root, 'node_modules/.cache/playground.json');
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** `CHROMIUM`, or the first on the path. */
async function chromiumPath(): Promise<string | undefined> {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  const paths = folders.flatMap((folder) => NAMES.map((name) => join(folder, name)));
  for (const path of [process.env.CHROMIUM, ...paths]) {
    if (path === undefined) continue;
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return undefined;
}

await installed('playground', 'playwright-core');
await runOrThrow('tsc', ['-p', 'playground']);
const chromium = await chromiumPath();
await mkdir(dirname(RESULTS), { recursive: true });
const skipped = chromium === undefined ? ['playground: no Chromium'] : [];
await writeFile(RESULTS, JSON.stringify({ skipped }));
if (chromium === undefined) {
  console.log(`playground: its types are right; skipped: its page, as there is none of ${NAMES.join(', ')}`);
} else {
  const { status, output } = await run(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', 'playground/check.ts', chromium],
    { timeoutMillis: 300_000 },
  );
  process.stdout.write(output);
  conclude(
    status === 0 ? [] : [`the check of the page ended with ${status}`],
    'playground: its page says what happens',
  );
}
