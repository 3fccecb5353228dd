/** Where examples run: directories outside the repository that find what they name as their dependencies, and nothing else. */
import { mkdir, readFile, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { installedTool, pack, root, runOrThrow, withTemporaryDirectory } from '../../tools.ts';

export interface Manifest {
  version: string;
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies?: Record<string, string>;
}

export async function readManifest(directory: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(directory, 'package.json'), 'utf8'));
}

export interface Workspace {
  /** Temporary; what lies here resolves nothing but types. */
  readonly directory: string;
  /** What may be depended upon, with the range that is tested. */
  readonly ranges: Readonly<Record<string, string>>;
  /** Gives `directory` a `node_modules` with these packages. @throws for one that is not among `ranges`. */
  link(directory: string, names: readonly string[]): Promise<void>;
}

/** The package as it is packed, and what examples need beside it, installed once. */
export async function withWorkspace(use: (workspace: Workspace) => Promise<void>): Promise<void> {
  const tool = await installedTool('examples');
  const installed = join(tool, 'node_modules');
  const [own, others] = await Promise.all([readManifest(root), readManifest(tool)]);
  const ranges: Record<string, string> = {
    // The runner that examples of tests have is ours.
    vitest: own.devDependencies?.vitest ?? '',
    ...others.dependencies,
    'otel-spillway': `^${own.version}`,
  };

  await withTemporaryDirectory(async (directory) => {
    const { tarball } = await pack(directory);
    // Among the others, where it finds its peers.
    const unpacked = join(installed, 'otel-spillway');
    await rm(unpacked, { recursive: true, force: true });
    await mkdir(unpacked);
    await runOrThrow('tar', ['-xzf', tarball, '--strip-components=1', '-C', unpacked]);
    await mkdir(join(directory, 'node_modules'));
    await symlink(join(installed, '@types'), join(directory, 'node_modules/@types'));

    await use({
      directory,
      ranges,
      link: async (target, names) => {
        for (const name of names) {
          if (ranges[name] === undefined) throw new Error(`tools/examples does not have ${name}`);
          const link = join(target, 'node_modules', name);
          await mkdir(dirname(link), { recursive: true });
          await symlink(join(name === 'vitest' ? join(root, 'node_modules') : installed, name), link);
        }
      },
    });
  });
}
