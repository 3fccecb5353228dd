import { defineConfig } from 'tsdown';

/** Both module systems are published: peers in a CommonJS service and in an ES module service load the same code. */
export default defineConfig({
  entry: ['src/index.ts'],
  format: ['esm', 'cjs'],
  platform: 'node',
  target: 'node22.15',
  dts: true,
  sourcemap: true,
  clean: true,
  fixedExtension: true,
});
