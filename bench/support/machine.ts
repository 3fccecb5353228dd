/** What the numbers were measured on: machine and versions. */

import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';

const PACKAGES = [
  '@opentelemetry/sdk-logs',
  '@opentelemetry/exporter-logs-otlp-proto',
  '@opentelemetry/otlp-transformer',
];
const SHARED_PREFIX = '@opentelemetry/';

const root = new URL('../../', import.meta.url);

function versionOf(manifest: string): string {
  return (JSON.parse(readFileSync(new URL(manifest, root), 'utf8')) as { version: string }).version;
}

export function machine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown CPU';
  const memoryGib = Math.round(totalmem() / 1024 ** 3);
  return `${availableParallelism()} cores (${model}), ${memoryGib} GiB, ${process.platform} ${process.arch}`;
}

export function versions(): string {
  const packages = PACKAGES.map(
    (name) => `${name.replace(SHARED_PREFIX, '')} ${versionOf(`node_modules/${name}/package.json`)}`,
  );
  return [`Node ${process.versions.node}`, ...packages, `otel-spillway ${versionOf('package.json')}`].join(
    ', ',
  );
}
