/** A service that logs with pino what it is asked to, and reports to the playground how its processor is doing. */
import { createRequire } from 'node:module';
import { shutdownOnSignals } from '../../dist/index.mjs';
import { type ToService, tell } from './messages.ts';
import { logged, pipeline, provider } from './telemetry.ts';

// The instrumentation sees a CommonJS module without a loader hook when it is required.
const { pino } = createRequire(import.meta.url)('pino') as typeof import('pino');

const SAMPLE_MILLIS = 100;

const steps = [
  'request received',
  'session found',
  'cart loaded',
  'prices looked up',
  'stock checked',
  'discounts applied',
  'tax computed',
  'payment authorised',
  'order stored',
  'request completed',
];

const logger = pino();

function work(firstSeq: number, records: number): void {
  const dropped: number[] = [];
  for (let seq = firstSeq; seq < firstSeq + records; seq++) {
    const before = pipeline.droppedSoFar();
    logged.records++;
    logger.info(
      { seq, orderId: `A-${Math.floor(seq / steps.length)}`, route: '/checkout' },
      steps[seq % steps.length] as string,
    );
    if (pipeline.droppedSoFar() > before) dropped.push(seq);
  }
  tell({ type: 'logged', firstSeq, records, dropped });
}

process.on('message', ({ firstSeq, records }: ToService) => work(firstSeq, records));
process.on('disconnect', () => process.exit());
// A terminal sends its interrupt to the whole group; the playground decides when its services end.
process.on('SIGINT', () => {});
setInterval(() => tell({ type: 'sample', sample: pipeline.sample() }), SAMPLE_MILLIS);

shutdownOnSignals(provider, { signals: ['SIGTERM'] });
tell({ type: 'up' });
