/** Recognises the official OTLP exporters, whose `export` may be called concurrently, by their shape. */

/*
 * All releases of both generations in use have it (otlp-exporter-base, `OTLPExporterBase` and `OTLPExportDelegate`): the
 * exporter hands its records to a `_delegate`, whose `_promiseQueue` counts the exports in progress and refuses one beyond
 * its `_concurrencyLimit`. Packages exist in several copies and two module formats, so identity proves nothing.
 */

type Method = (...args: never) => unknown;

/** Methods of the root class, which must have them all: a subclass that overrides `export` has that one alone. */
const EXPORTER_METHODS = ['export', 'forceFlush', 'shutdown'] as const;

/**
 * Reads properties only, and runs no code of the exporter unless it is a proxy.
 * @returns how many concurrent exports it allows; undefined if it is no official exporter, or in doubt.
 */
export function concurrencyLimitOf(exporter: object): number | undefined {
  try {
    const delegate = ownValue(exporter, '_delegate');
    if (!isObject(delegate)) return undefined;
    if (!inheritsFromRoot(exporter, EXPORTER_METHODS) || !inheritsFromRoot(delegate, EXPORTER_METHODS))
      return undefined;
    const promiseQueue = ownValue(delegate, '_promiseQueue');
    if (!isObject(promiseQueue) || !inheritsFromRoot(promiseQueue, ['hasReachedLimit'])) return undefined;
    const limit = ownValue(promiseQueue, '_concurrencyLimit');
    const isLimit = Number.isSafeInteger(limit) && (limit as number) >= 1;
    return isLimit && Array.isArray(ownValue(promiseQueue, '_sendingPromises'))
      ? (limit as number)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the first of the methods is that of a class without a superclass, which has the others as well. */
function inheritsFromRoot(object: object, methods: readonly string[]): boolean {
  const [first] = methods as readonly [string];
  let owner: object | null = object;
  while (owner !== null && !Object.hasOwn(owner, first)) owner = Object.getPrototypeOf(owner);
  if (owner === null || owner === object || !isRoot(owner)) return false;
  const method = ownValue(owner, first);
  // A proxy may answer with something else.
  if ((object as Readonly<Record<string, Method>>)[first] !== method) return false;
  return methods.every((name) => typeof ownValue(owner, name) === 'function');
}

/** Whether it is the prototype of a class that extends nothing. */
function isRoot(prototype: object): boolean {
  const parent = Object.getPrototypeOf(prototype);
  return parent !== null && Object.getPrototypeOf(parent) === null;
}

/** Undefined for a getter. */
function ownValue(object: object, name: string): unknown {
  return Object.getOwnPropertyDescriptor(object, name)?.value;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
