import { defineConfig, type UserConfig } from 'tsdown';

const shared = {
  platform: 'node',
  target: 'node22.15',
  // A package that is not promised in the manifest fails the build instead of being copied into it.
  deps: { onlyBundle: [] },
  fixedExtension: true,
  // Declarations keep theirs. Neither source maps nor minified names: a stack names our functions as they are written.
  outputOptions: { comments: { annotation: true, jsdoc: false, legal: true } },
} satisfies UserConfig;

export default defineConfig([
  /** Both module systems are published: peers in a CommonJS service and in an ES module service load the same code. */
  {
    ...shared,
    entry: ['src/index.ts'],
    format: ['esm', 'cjs'],
    dts: { sourcemap: false },
    clean: true,
  },
  /** What is preloaded: it loads the library itself, and goes on without where that fails. */
  {
    ...shared,
    entry: { register: 'src/register.ts' },
    format: ['esm', 'cjs'],
    dts: { sourcemap: false },
    clean: false,
  },
  /** For the tests of those who use the library, which they load without it. */
  {
    ...shared,
    entry: { testing: 'src/testing/index.ts' },
    format: ['esm', 'cjs'],
    dts: { sourcemap: false },
    clean: false,
  },
  /** The process in which a test collector runs that can be killed. */
  {
    ...shared,
    entry: ['src/testing/testing-child.ts'],
    format: 'esm',
    dts: false,
    clean: false,
  },
  /** The command line: a program of its own, so that nobody who loads the library loads any of it. */
  {
    ...shared,
    entry: { cli: 'src/cli/main.ts' },
    format: 'esm',
    dts: false,
    clean: false,
    plugins: [
      {
        name: 'library',
        resolveId: (id) =>
          /^(\.\.\/)+index\.ts$/.test(id) ? { id: './index.mjs', external: true } : undefined,
      },
    ],
  },
]);
