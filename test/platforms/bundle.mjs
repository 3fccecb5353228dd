/** Bundles the service in every way: `bundle.mjs <entry> <directory>` prints a line of JSON for each bundle, its name and its file. */
import { dirname, join } from 'node:path';
import * as esbuild from 'esbuild';
import * as vite from 'vite';
import webpack from 'webpack';

const [entry, directory] = process.argv.slice(2);
const source = dirname(entry);

/** Each makes a directory of its own, and gives the file that is run. */
const bundles = {
  'esbuild, CommonJS': (out) => withEsbuild(out, 'cjs', 'service.cjs'),
  'esbuild, ESM': (out) => withEsbuild(out, 'esm', 'service.mjs'),
  'esbuild, ESM, split': (out) => withEsbuild(out, 'esm', 'service.mjs', { splitting: true }),
  'esbuild, ESM, minified': (out) => withEsbuild(out, 'esm', 'service.mjs', { minify: true }),
  'webpack, CommonJS': (out) => withWebpack(out, 'service.cjs', {}),
  'webpack, ESM': (out) =>
    withWebpack(out, 'service.mjs', { experiments: { outputModule: true }, output: { module: true } }),
  'Vite, SSR': withVite,
};

async function withEsbuild(out, format, file, options = {}) {
  await esbuild.build({
    entryPoints: { service: entry },
    outdir: out,
    outExtension: { '.js': file.slice(file.lastIndexOf('.')) },
    bundle: true,
    platform: 'node',
    target: 'node22',
    format,
    logLevel: 'error',
    ...options,
  });
  return join(out, file);
}

async function withWebpack(out, file, { experiments, output }) {
  const compiler = webpack({
    mode: 'production',
    target: 'node22',
    context: source,
    entry,
    experiments,
    output: { ...output, path: out, filename: file },
  });
  const stats = await new Promise((resolve, reject) => {
    compiler.run((error, result) => (error ? reject(error) : resolve(result)));
  });
  if (stats.hasErrors() || stats.hasWarnings()) throw new Error(stats.toString('errors-warnings'));
  return join(out, file);
}

async function withVite(out) {
  await vite.build({
    root: source,
    configFile: false,
    logLevel: 'error',
    ssr: { noExternal: true },
    build: {
      ssr: entry,
      outDir: out,
      emptyOutDir: false,
      rolldownOptions: { output: { entryFileNames: 'service.mjs' } },
    },
  });
  return join(out, 'service.mjs');
}

for (const [name, make] of Object.entries(bundles)) {
  const file = await make(join(directory, name.replace(/\W+/g, '-')));
  console.log(JSON.stringify({ name, file }));
}
