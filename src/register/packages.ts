/** Finds the packages of OpenTelemetry that the application has, from where the application would. */

import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

export type Library = typeof import('../index.ts');
export type Api = typeof import('@opentelemetry/api');
export type ApiLogs = typeof import('@opentelemetry/api-logs');
export type SdkLogs = typeof import('@opentelemetry/sdk-logs');
export type Resources = typeof import('@opentelemetry/resources');

/** A place from which packages can be found. */
export class Place {
  readonly #require: NodeJS.Require;

  constructor(file: string) {
    this.#require = createRequire(file);
  }

  /** @returns the file, or undefined where it cannot be found. */
  resolve(name: string): string | undefined {
    try {
      return this.#require.resolve(name);
    } catch {
      return undefined;
    }
  }

  /** @throws whatever the package throws, or because it is not there. */
  load<T>(name: string): T {
    return this.#require(name) as T;
  }
}

/** @param own the URL of this package, beside which its peers are as a rule. */
export function placesOfApplication(own: string): Place[] {
  const directory = process.cwd();
  const [, script] = process.argv;
  return [
    ...(script === undefined ? [] : [resolve(directory, script)]),
    // From where `--import` finds this package.
    join(directory, 'package.json'),
    own,
  ].map((file) => new Place(file));
}

/** @returns the place of the first package of that name, from which its own dependencies can be found. */
export function find(name: string, places: readonly Place[]): Place | undefined {
  for (const place of places) {
    const file = place.resolve(name);
    if (file !== undefined) return new Place(file);
  }
  return undefined;
}
