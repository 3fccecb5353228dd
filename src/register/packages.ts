/** Finds OpenTelemetry packages where the application would find them, and what their copies have registered. */

import { createRequire } from 'node:module';
import { join, parse, resolve } from 'node:path';

export type Library = typeof import('../index.ts');
export type Api = typeof import('@opentelemetry/api');
export type ApiLogs = typeof import('@opentelemetry/api-logs');
export type SdkLogs = typeof import('@opentelemetry/sdk-logs');
export type Resources = typeof import('@opentelemetry/resources');

export class Place {
  readonly #require: NodeJS.Require;

  constructor(file: string) {
    this.#require = createRequire(file);
  }

  /** @returns the file; undefined if there is none. */
  resolve(name: string): string | undefined {
    try {
      return this.#require.resolve(name);
    } catch {
      return undefined;
    }
  }

  /** @throws errors of the package or, if it is missing, of the resolution. */
  load<T>(name: string): T {
    return this.#require(name) as T;
  }
}

/** @param own the URL of this package, beside which its peers usually are. */
export function placesOfApplication(own: string): Place[] {
  const directory = workingDirectory();
  const [, script] = process.argv;
  return [
    ...(script === undefined ? [] : [resolve(directory, script)]),
    // From here `--import` resolves this package.
    join(directory, 'package.json'),
    own,
  ].map((file) => new Place(file));
}

/** It may have been removed, or not be readable. */
function workingDirectory(): string {
  try {
    return process.cwd();
  } catch {
    return parse(process.execPath).root;
  }
}

/** @returns the location of the first package with this name, from which its dependencies resolve. */
export function find(name: string, places: readonly Place[]): Place | undefined {
  for (const place of places) {
    const file = place.resolve(name);
    if (file !== undefined) return new Place(file);
  }
  return undefined;
}

/** Global slots in which all copies of the OpenTelemetry APIs keep their registrations. */
const API = Symbol.for('opentelemetry.js.api.1');
/** Slot of `@opentelemetry/api-logs`. */
const API_LOGS = Symbol.for('io.opentelemetry.js.api.logs');

/** @returns the registration with `@opentelemetry/api` of any version. */
export function registered(kind: 'diag' | 'logs'): unknown {
  const slots = (globalThis as Record<symbol, unknown>)[API] as Record<string, unknown> | undefined;
  return slots?.[kind];
}

export function isLoggerProviderRegistered(): boolean {
  return registered('logs') !== undefined || (globalThis as Record<symbol, unknown>)[API_LOGS] !== undefined;
}
