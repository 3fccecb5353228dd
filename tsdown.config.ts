import { defineConfig } from 'tsdown';

/** Both module systems are published: peers in a CommonJS service and in an ES module service load the same code. */
export default defineConfig({
  entry: ['src/index.ts'],
  format: ['esm', 'cjs'],
  platform: 'node',
  target: 'node22.15',
  // A package that is not promised in the manifest fails the build instead of being copied into it.
  deps: { onlyBundle: [] },
  dts: { sourcemap: false },
  sourcemap: true,
  clean: true,
  fixedExtension: true,
});
