/** One service for every platform: `service.mjs <scenario> [directory]`. It reports by lines; whoever runs it looks at what arrived. */
import assert from 'node:assert/strict';
import { writeSync } from 'node:fs';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { SpillwayLogRecordProcessor, SpillwayOtlpLogExporter, shutdownOnSignals } from 'otel-spillway';

const RECORDS = 1_000;
/** Longer than any scenario: only an ending can send what waits. */
const PATIENT = { scheduledDelayMillis: 60_000 };

const [scenario = '', directory] = process.argv.slice(2);
let emitted = 0;

function serviceWith(options) {
  const processor = new SpillwayLogRecordProcessor({ exporter: new SpillwayOtlpLogExporter(), ...options });
  const provider = new LoggerProvider({ processors: [processor] });
  const logger = provider.getLogger('platforms', '1.0.0');
  const emit = (count = RECORDS) => {
    for (let index = 0; index < count; index++) {
      logger.emit({
        severityNumber: 9,
        severityText: 'INFO',
        body: String(emitted++),
        attributes: {
          index,
          text: 'grüße 🌊',
          nested: { list: [1, 'two', true, 3.5] },
          bytes: new Uint8Array(3),
        },
      });
    }
  };
  return { processor, provider, emit };
}

const spooled = (options = {}) => ({ ...PATIENT, spool: { directory, leaseMillis: 1_000, ...options } });

function say(line) {
  writeSync(1, `${line}\n`);
}

/** The law: every record that was offered is somewhere. */
function checked(processor) {
  const stats = processor.stats();
  const dropped = Object.values(stats.dropped).reduce((sum, count) => sum + count, 0);
  assert.equal(
    stats.offered + stats.recovered,
    stats.exported + dropped + stats.queued.records + stats.inFlight.records + stats.spooled.records,
    JSON.stringify(stats),
  );
  return { ...stats, droppedRecords: dropped };
}

/** Asked every so often, for what no event tells. */
async function until(condition, what) {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const scenarios = {
  async deliver() {
    const { processor, provider, emit } = serviceWith({ retry: { initialDelayMillis: 50 } });
    emit(RECORDS - 10);
    await provider.forceFlush();
    assert.equal(checked(processor).exported, RECORDS - 10);
    emit(10);
    await provider.shutdown();
    assert.equal(checked(processor).exported, RECORDS);
  },

  async 'wait for the collector'() {
    const { processor, provider, emit } = serviceWith({
      retry: { initialDelayMillis: 50, maxDelayMillis: 200 },
      breaker: { failureThreshold: 2, resetTimeoutMillis: 100, maxResetTimeoutMillis: 200 },
      onBreakerStateChange: ({ to }) => to === 'open' && say('ready'),
    });
    emit();
    void provider.forceFlush().catch(() => {});
    await until(() => checked(processor).exported === RECORDS, 'the collector is back');
    await provider.shutdown();
    assert.equal(checked(processor).droppedRecords, 0);
  },

  async 'give up at the deadline'() {
    const { processor, provider, emit } = serviceWith({ shutdown: { timeoutMillis: 300 } });
    emit();
    const startedAt = performance.now();
    await provider.shutdown();
    assert.ok(performance.now() - startedAt < 1_000, `${performance.now() - startedAt} ms`);
    const { dropped, droppedRecords } = checked(processor);
    assert.deepEqual([dropped.shutdown, droppedRecords], [RECORDS, RECORDS]);
  },

  'end by itself'() {
    serviceWith(PATIENT).emit();
  },

  'end by a signal'() {
    const { provider, emit } = serviceWith(PATIENT);
    emit();
    shutdownOnSignals(provider);
    setInterval(() => {}, 60_000);
    say('ready');
  },

  'exit with a spool'() {
    serviceWith(spooled()).emit();
    process.exit(3);
  },

  'crash with a spool'() {
    if (process.versions.deno !== undefined) {
      // Deno ends without 'exit' after an uncaught error: this is what docs/platforms.md tells to write.
      process.on('uncaughtException', (error) => {
        console.error(error);
        process.exit(1);
      });
    }
    serviceWith(spooled()).emit();
    setTimeout(() => {
      throw new Error('meant to be');
    }, 10);
  },

  async 'be killed with a spool'() {
    const { processor, provider, emit } = serviceWith(spooled({ mode: 'always' }));
    emit();
    // Nobody takes them, but they are safe.
    await provider.forceFlush();
    assert.equal(checked(processor).exported, 0);
    setInterval(() => {}, 60_000);
    say('ready');
  },

  async 'deliver what is found'() {
    const { processor, provider } = serviceWith(spooled());
    await until(() => checked(processor).exported === RECORDS, 'all that was found is delivered');
    await provider.shutdown();
    assert.equal(checked(processor).recovered, RECORDS);
  },
};

// Without an await at the top of the module, which CommonJS does not have.
scenarios[scenario]();
