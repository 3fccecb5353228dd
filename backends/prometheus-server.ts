/** One real Prometheus, with the alert rules of `ops/`, which scrapes and takes OTLP, and is asked over its HTTP API. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ownPort } from '../src/testing/own-port.ts';
import { ALERTS } from './ops-files.ts';

const MAX_START_MILLIS = 60_000;
const MAX_PRINTED = 4_000;

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ScrapedTarget {
  readonly instance: string;
  readonly port: number;
}

/** The rules with their minutes as seconds: an outage of half a minute is to be seen by all of them. */
function hastened(rules: string): string {
  let text = rules;
  const replace = (from: RegExp, to: string) => {
    const before = text;
    text = text.replaceAll(from, to);
    if (text === before) throw new Error(`the rules have no ${from} any more`);
  };
  replace(/for: \d+m/g, 'for: 2s');
  replace(/\[(5|15)m\]/g, '[10s]');
  replace(/offset 5m/g, 'offset 10s');
  replace(/> 600\b/g, '> 5');
  return text;
}

export class PrometheusServer {
  readonly url: string;
  readonly #child: ChildProcess;
  #printed = '';

  private constructor(binary: string, port: number, directory: string, flags: readonly string[]) {
    this.url = `http://127.0.0.1:${port}`;
    const args = [
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      // What nobody sends any more is forgotten by OTLP only after this; a scrape that fails says so.
      '--query.lookback-delta=5s',
      '--log.level=warn',
      ...flags,
    ];
    this.#child = spawn(binary, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    // Nobody else would end it.
    process.once('exit', () => this.#child.kill('SIGKILL'));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (this.#printed.length < MAX_PRINTED) this.#printed += text;
    });
  }

  static async start(
    binary: string,
    directory: string,
    { job, targets, takesOtlp }: { job: string; targets: readonly ScrapedTarget[]; takesOtlp: boolean },
  ): Promise<PrometheusServer> {
    const rules = join(directory, 'alerts.yml');
    await writeFile(rules, hastened(await readFile(ALERTS, 'utf8')));
    const config = {
      global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
      rule_files: [rules],
      scrape_configs: [
        {
          job_name: job,
          static_configs: targets.map(({ instance, port }) => ({
            targets: [`127.0.0.1:${port}`],
            labels: { instance },
          })),
        },
      ],
    };
    // JSON is YAML.
    await writeFile(join(directory, 'prometheus.yml'), JSON.stringify(config, undefined, 2));
    const flags = takesOtlp ? ['--web.enable-otlp-receiver'] : [];
    const server = new PrometheusServer(binary, await ownPort(), directory, flags);
    const deadline = performance.now() + MAX_START_MILLIS;
    while (!(await server.#isReady())) {
      if (server.#child.exitCode !== null || performance.now() > deadline) {
        throw new Error(`Prometheus does not start\n${server.#printed}`);
      }
      await sleep(100);
    }
    return server;
  }

  get otlpMetricsUrl(): string {
    return `${this.url}/api/v1/otlp/v1/metrics`;
  }

  async query(expr: string): Promise<Sample[]> {
    const data = await this.#ask(`query?${new URLSearchParams({ query: expr })}`);
    const { result } = data as {
      result: { metric: Record<string, string>; value: [at: number, value: string] }[];
    };
    return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  }

  /** Names of alerts that fire, each with the instance or `*`. */
  async firing(): Promise<Set<string>> {
    const data = await this.#ask('alerts');
    const { alerts } = data as { alerts: { state: string; labels: Record<string, string> }[] };
    return new Set(
      alerts
        .filter(({ state }) => state === 'firing')
        .map(({ labels }) => `${labels.alertname} ${labels.instance ?? '*'}`),
    );
  }

  async metricNames(): Promise<Set<string>> {
    return new Set((await this.#ask('label/__name__/values')) as string[]);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await gone;
  }

  async #ask(path: string): Promise<unknown> {
    const response = await fetch(`${this.url}/api/v1/${path}`);
    const answer = (await response.json()) as { status: string; data: unknown; error?: string };
    if (answer.status !== 'success') throw new Error(`${path}: ${answer.error}`);
    return answer.data;
  }

  async #isReady(): Promise<boolean> {
    return fetch(`${this.url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  }
}
