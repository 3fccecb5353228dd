/** Builds the resource as NodeSDK does, from `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` and detectors. */

import type { Resource } from '@opentelemetry/resources';
import type { EnvironmentReader } from './environment.ts';
import type { Resources } from './packages.ts';

const VARIABLE = 'OTEL_NODE_RESOURCE_DETECTORS';

export function resourceFrom(env: EnvironmentReader, resources: Resources): Resource {
  const known = new Map([
    ['serviceinstance', resources.serviceInstanceIdDetector],
    ['process', resources.processDetector],
    ['host', resources.hostDetector],
    ['os', resources.osDetector],
    ['env', resources.envDetector],
  ]);
  const wanted = env.list(VARIABLE) ?? ['all'];
  const unknown = wanted.filter((name) => !known.has(name) && name !== 'all' && name !== 'none');
  if (unknown.length > 0) {
    env.wrong(VARIABLE, `'all', 'none', or of ${[...known.keys()].join(', ')} (not ${unknown.join(', ')})`);
  }
  const names = wanted.includes('all') ? [...known.keys()] : wanted.includes('none') ? [] : wanted;
  const detectors = names.flatMap((name) => known.get(name) ?? []);
  return resources.defaultResource().merge(resources.detectResources({ detectors }));
}
