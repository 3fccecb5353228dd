/** A process with the processor under trial, which comes to an end in one way or another: `node service.ts <module> <plan>`. */

import { DiagLogLevel, diag } from '@opentelemetry/api';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import type { MakeOptions, Subject } from './subject.ts';

export interface Plan extends MakeOptions {
  readonly way: keyof typeof ways;
  readonly records: number;
  /** Of each body; by default they are short. */
  readonly bodyBytes?: number;
}

const ways = {
  'nothing more to do': () => void process.send?.('emitted'),
  'process.exit': () => process.exit(0),
  'an uncaught error': () => {
    throw new Error('as the claim wants it');
  },
  /** Until it is killed. */
  waits: () => {
    setInterval(() => {}, 1_000);
    setTimeout(() => process.send?.('waiting'), 3_000);
  },
  'tells how much memory it uses': () => {
    globalThis.gc?.();
    const { heapUsed, external } = process.memoryUsage();
    console.log(heapUsed + external);
    process.exit(0);
  },
  'tells what diag was told': async () => {
    await processor.forceFlush().catch(() => {});
    process.exit(0);
  },
};

const [module = '', text = '{}'] = process.argv.slice(2);
const { way, records, bodyBytes, ...options }: Plan = JSON.parse(text);
if (way === 'tells what diag was told') {
  const tell = (...words: unknown[]) => console.log(...words);
  const silent = () => {};
  diag.setLogger(
    { error: tell, warn: tell, info: silent, debug: silent, verbose: silent },
    { logLevel: DiagLogLevel.WARN },
  );
}
const { makeProcessor }: Subject = await import(module);
const processor = makeProcessor(options);
const logger = new LoggerProvider({ processors: [processor] }).getLogger('conformance');
for (let n = 0; n < records; n++) {
  // Of its own: a text that is repeated would share its memory.
  const body = bodyBytes === undefined ? `record ${n}` : Buffer.alloc(bodyBytes, `${n} `).toString('latin1');
  logger.emit({ body, severityNumber: 9, attributes: { n } });
}
await ways[way]();
