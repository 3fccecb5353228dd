/** What is claimed of what is delivered. */

import { isDeepStrictEqual } from 'node:util';
import type { LogRecord } from '@opentelemetry/api';
import { LoggerProvider, type LogRecordProcessor } from '@opentelemetry/sdk-logs';
import { type Claim, count, judged } from '../claim.ts';
import { NOWHERE } from '../stage.ts';

/** What an application may hand over by mistake; each is made anew for each emit. */
const hostile: Readonly<Record<string, () => unknown>> = {
  'a circle': () => {
    const circle: Record<string, unknown> = { name: 'circle' };
    circle.self = circle;
    return circle;
  },
  'a getter that throws': () => ({
    get name(): string {
      throw new Error('as the claim wants it');
    },
  }),
  'a revoked proxy': () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  'a bigint': () => 2n ** 70n,
  'a symbol': () => Symbol('symbol'),
  'a function': () => () => {},
  'a lone surrogate': () => '\ud800',
  'nested a thousand deep': () => {
    let value: unknown = 'deep';
    for (let depth = 0; depth < 1_000; depth++) value = [value];
    return value;
  },
};

/** Where it may be handed over. */
const placed: Readonly<Record<string, (value: unknown) => LogRecord>> = {
  body: (value) => ({ body: value as string }),
  attribute: (value) => ({ attributes: { value: value as string } }),
  'severity number': (value) => ({ severityNumber: value as number }),
};

const nothing: LogRecordProcessor = {
  onEmit: () => {},
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
};

function throws(call: () => void): boolean {
  try {
    call();
    return false;
  } catch {
    return true;
  }
}

export const records: readonly Claim[] = [
  {
    says: 'Values of every kind arrive as they were emitted',
    play: async (stage) => {
      const collector = await stage.collector();
      const { logger, processor } = stage.pipeline({ url: collector.logsUrl });
      const attributes = {
        text: 'naïve – 漢字 😀',
        integer: -(2 ** 40),
        fraction: 1.5,
        yes: true,
        list: ['a', 'b'],
        map: { deep: { er: [1, 'two', false] } },
      };
      logger.emit({
        body: { message: 'hello' },
        severityNumber: 17,
        severityText: 'ERROR',
        eventName: 'greeting',
        timestamp: 1_700_000_000_000,
        attributes,
      });
      await processor.forceFlush();
      const [record] = collector.records;
      const hasAll =
        isDeepStrictEqual(record?.attributes, attributes) &&
        isDeepStrictEqual(record?.body, { message: 'hello' }) &&
        record?.timeUnixNano === '1700000000000000000' &&
        `${record.severityNumber} ${record.severityText} ${record.eventName}` === '17 ERROR greeting';
      return judged(hasAll, hasAll ? 'all of them' : JSON.stringify(record));
    },
  },
  {
    says: 'What the application changes after emit() does not change what is delivered',
    play: async (stage) => {
      const collector = await stage.collector();
      const { logger, processor } = stage.pipeline({ url: collector.logsUrl });
      const body = { state: 'before' };
      const attributes = { n: 1, order: { state: 'before' } };
      logger.emit({ body, attributes });
      body.state = 'after';
      attributes.order.state = 'after';
      await processor.forceFlush();
      const delivered = JSON.stringify([collector.records[0]?.body, collector.records[0]?.attributes.order]);
      return judged(!delivered.includes('after'), `delivered as ${delivered}`);
    },
  },
  {
    says: 'No value makes emit() throw, but those for which the SDK itself does',
    play: async (stage) => {
      const collector = await stage.collector();
      const { logger } = stage.pipeline({ url: collector.logsUrl });
      const sdkAlone = new LoggerProvider({ processors: [nothing] }).getLogger('conformance');
      const thrown = Object.entries(hostile).flatMap(([name, make]) =>
        Object.entries(placed).flatMap(([place, record]) => {
          const isTheSdks = throws(() => sdkAlone.emit(record(make())));
          return isTheSdks || !throws(() => logger.emit(record(make()))) ? [] : [`${name} as ${place}`];
        }),
      );
      return judged(thrown.length === 0, thrown.length === 0 ? 'none' : `it throws for ${thrown.join(', ')}`);
    },
  },
  {
    says: 'A record that cannot be serialised costs only itself',
    play: async (stage) => {
      const seen: string[] = [];
      let lost = 0;
      for (const [name, make] of Object.entries(hostile)) {
        const collector = await stage.collector();
        const { logger, processor } = stage.pipeline({ url: collector.logsUrl });
        stage.emit(logger, 10);
        // Another claim's.
        throws(() => logger.emit({ body: make() as string }));
        stage.emit(logger, 10);
        await processor.forceFlush().catch(() => {});
        const arrived = [...collector.ids.keys()].filter((id) => id !== '').length;
        if (arrived === 20) continue;
        lost += 20 - arrived;
        seen.push(name);
      }
      return judged(
        lost === 0,
        lost === 0 ? 'no other' : `${count(lost)} others lost, with ${seen.join(', ')}`,
      );
    },
  },
  {
    says: 'The queue has a bound in bytes: 3,000 records of 100 kB without a collector take less than 192 MiB',
    isBusy: true,
    play: async (stage) => {
      const plan = { url: NOWHERE, way: 'tells how much memory it uses' } as const;
      const printed = await stage.run({ ...plan, records: 3_000, bodyBytes: 100_000 }, ['--expose-gc']);
      const bytes = Number(printed.trim());
      return judged(bytes < 192 * 2 ** 20, `${count(Math.round(bytes / 2 ** 20))} MiB`);
    },
  },
  {
    says: 'Records that are dropped because the queue is full are mentioned through diag',
    isBusy: true,
    play: async (stage) => {
      const collector = await stage.collector({ keep: 'count', condition: { latencyMillis: 100 } });
      const plan = { url: collector.logsUrl, way: 'tells what diag was told', records: 3_000 } as const;
      const printed = await stage.run({ ...plan, bodyBytes: 100_000 });
      const { records: arrived } = collector.account();
      const isSaid = arrived === 3_000 || /drop|lost/i.test(printed);
      const words = printed.trim() === '' ? 'and nothing was said' : 'and it was said';
      return judged(isSaid, `${count(3_000 - arrived)} of 3,000 lost, ${words}`);
    },
  },
];
