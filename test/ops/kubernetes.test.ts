/** The Kubernetes manifests of `ops/`: what they name exists in the code, the other files, and in each other. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';

const root = join(import.meta.dirname, '../..');

interface Container {
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  readonly lifecycle?: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
}

interface Workload {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly template: {
      readonly metadata: { readonly labels: unknown };
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly containers: readonly [Container];
        readonly volumes?: readonly { readonly name: string }[];
      };
    };
    readonly selector: { readonly matchLabels: unknown };
    readonly volumeClaimTemplates: readonly {
      readonly metadata: { readonly name: string };
      readonly spec: { readonly resources: { readonly requests: { readonly storage: string } } };
    }[];
  };
}

interface Service {
  readonly spec: {
    readonly selector: unknown;
    readonly ports: readonly { readonly port: number; readonly targetPort: string }[];
  };
}

function manifests(name: string): readonly unknown[] {
  const documents = parseAllDocuments(readFileSync(join(root, 'ops/kubernetes', name), 'utf8'));
  expect(documents.flatMap(({ errors }) => errors)).toEqual([]);
  return documents.map((document) => document.toJS());
}

const workloadOf = (name: string) => manifests(name)[0] as Workload;
const variable = ({ env }: Container, name: string) => env.find((entry) => entry.name === name)?.value;

/** Seconds that the application's own step may take at the end, by default. */
const BEFORE_SECONDS = 5;

describe.each(['service.yaml', 'gateway.yaml'])('%s', (name) => {
  test('the volumes, ports and labels that the Kubernetes manifest names are in it', () => {
    const [workload, service] = manifests(name) as [Workload, Service];
    const { template, selector, volumeClaimTemplates } = workload.spec;
    const [container] = template.spec.containers;
    const volumes = [
      ...(template.spec.volumes ?? []),
      ...volumeClaimTemplates.map(({ metadata }) => metadata),
    ];
    for (const { name: mounted } of container.volumeMounts) {
      expect(volumes.map((volume) => volume.name)).toContain(mounted);
    }
    expect(template.metadata.labels).toEqual(selector.matchLabels);
    expect(service.spec.selector).toEqual(selector.matchLabels);
    for (const { targetPort } of service.spec.ports) {
      expect(container.ports.map((port) => port.name)).toContain(targetPort);
    }
  });
});

test('every OTEL variable of the Kubernetes service is one that register documents', () => {
  const page = readFileSync(join(root, 'docs/register.md'), 'utf8');
  const [container] = workloadOf('service.yaml').spec.template.spec.containers;
  const names = container.env.map(({ name }) => name).filter((name) => name.startsWith('OTEL_'));
  expect(names.length).toBeGreaterThan(5);
  for (const name of names) {
    const family = /^OTEL_EXPORTER_OTLP_/.test(name) ? 'OTEL_EXPORTER_OTLP_*' : name;
    expect(page, name).toContain(`\`${family}\``);
  }
});

test('the grace period of the Kubernetes service is longer than all that happens at its end', () => {
  const { terminationGracePeriodSeconds, containers } = workloadOf('service.yaml').spec.template.spec;
  const shutdownSeconds = Number(variable(containers[0], 'OTEL_SPILLWAY_SHUTDOWN_TIMEOUT_MILLIS')) / 1_000;
  const preStopSeconds = containers[0].lifecycle?.preStop.sleep.seconds ?? 0;
  expect(terminationGracePeriodSeconds).toBeGreaterThan(preStopSeconds + BEFORE_SECONDS + shutdownSeconds);
});

test('the spool of the Kubernetes service is a directory in its volume, and smaller than it', () => {
  const { template, volumeClaimTemplates } = workloadOf('service.yaml').spec;
  const [container] = template.spec.containers;
  const [mount] = container.volumeMounts;
  expect(variable(container, 'OTEL_SPILLWAY_SPOOL_DIRECTORY')).toMatch(new RegExp(`^${mount?.mountPath}/.`));
  const gibibytes = Number.parseInt(volumeClaimTemplates[0]?.spec.resources.requests.storage ?? '', 10);
  const maxBytes = Number(variable(container, 'OTEL_SPILLWAY_SPOOL_MAX_BYTES'));
  expect(maxBytes).toBeLessThan(gibibytes * 1024 ** 3 * 0.8);
});

test('the Kubernetes gateway sets variables and ports that its configuration reads', () => {
  const [container] = workloadOf('gateway.yaml').spec.template.spec.containers;
  const text = readFileSync(join(root, 'ops/collector/gateway.yaml'), 'utf8');
  const collectors = container.env.map(({ name }) => name).filter((name) => name !== 'GOMEMLIMIT');
  for (const name of collectors) expect(text).toContain(`\${env:${name}:-`);
  for (const { containerPort } of container.ports) expect(text).toContain(`:-0.0.0.0:${containerPort}}`);
  const queueBytes = parse(text).exporters.otlp_http.sending_queue.queue_size;
  const { storage } = workloadOf('gateway.yaml').spec.volumeClaimTemplates[0]?.spec.resources.requests ?? {};
  // The database keeps free pages, and is copied when it is made smaller.
  expect(queueBytes * 2).toBeLessThan(Number.parseInt(storage ?? '', 10) * 1024 ** 3);
});
