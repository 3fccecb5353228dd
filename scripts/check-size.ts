/** The gate for the size of the package: a log processor must not weigh on an installation or a cold start. */
import { conclude, pack, withTemporaryDirectory } from './tools.ts';

const kibi = 1024;

await withTemporaryDirectory(async (directory) => {
  const { packedBytes, unpackedBytes, files } = await pack(directory);
  const sum = (pattern: RegExp) =>
    files.filter((file) => pattern.test(file.path)).reduce((bytes, file) => bytes + file.size, 0);
  const rows = [
    { what: 'tarball', bytes: packedBytes, budgetBytes: 424 * kibi },
    { what: 'unpacked', bytes: unpackedBytes, budgetBytes: 1_472 * kibi },
    { what: 'pages', bytes: sum(/\.(md|svg)$/), budgetBytes: 384 * kibi },
    { what: 'code a process loads (ESM)', bytes: sum(/^dist\/index\.mjs$/), budgetBytes: 360 * kibi },
    { what: 'code a process loads (CommonJS)', bytes: sum(/^dist\/index\.cjs$/), budgetBytes: 360 * kibi },
    { what: 'what is preloaded', bytes: sum(/^dist\/register\.mjs$/), budgetBytes: 24 * kibi },
    { what: 'kit for tests', bytes: sum(/^dist\/testing(-child)?\.mjs$/), budgetBytes: 64 * kibi },
    { what: 'command line', bytes: sum(/^dist\/cli\.mjs$/), budgetBytes: 132 * kibi },
  ];
  const problems: string[] = [];
  for (const { what, bytes, budgetBytes } of rows) {
    const line = `${what}: ${(bytes / kibi).toFixed(1)} KiB of ${budgetBytes / kibi} KiB`;
    console.log(line);
    if (bytes === 0) problems.push(`${what}: nothing was packed`);
    if (bytes > budgetBytes) problems.push(line);
  }
  conclude(problems, 'size: within budget');
});
