// What every consumer of the packed package does, whichever module system and SDK generation it came by.
const assert = require('node:assert/strict');

const totalRecords = 2_000;

/** Emits records through a LoggerProvider into an in-memory exporter: all arrive in order, and the law balances. */
exports.exercise = async ({ InMemoryLogRecordExporter, LoggerProvider, SpillwayLogRecordProcessor }) => {
  const exporter = new InMemoryLogRecordExporter();
  const processor = new SpillwayLogRecordProcessor({ exporter });
  const provider = new LoggerProvider({ processors: [processor] });
  const logger = provider.getLogger('consumer', '1.0.0');
  const emit = (index) =>
    logger.emit({
      severityNumber: 9,
      severityText: 'INFO',
      body: `record ${index}`,
      attributes: { index, nested: { list: [1, 'two', true] } },
    });

  for (let index = 0; index < totalRecords; index++) emit(index);
  assertLaw(processor.stats(), totalRecords);
  await provider.forceFlush();

  const delivered = exporter.getFinishedLogRecords().map((record) => record.attributes.index);
  assert.deepEqual(delivered, [...Array(totalRecords).keys()]);
  assert.equal(processor.stats().exported, totalRecords);
  assertLaw(processor.stats(), totalRecords);

  emit(totalRecords);
  await provider.shutdown();
  assert.equal(processor.stats().exported, totalRecords + 1, 'shutdown includes the flush');
  assertLaw(processor.stats(), totalRecords + 1);
};

/** A test collector in this process, and one in a child that is killed and comes back, get every record. */
exports.exerciseKit = async ({
  TestCollector,
  LoggerProvider,
  SpillwayLogRecordProcessor,
  SpillwayOtlpLogExporter,
}) => {
  const [here, child] = await Promise.all([TestCollector.start(), TestCollector.spawn()]);
  await child.kill();
  await child.restart();
  for (const collector of [here, child]) {
    const exporter = new SpillwayOtlpLogExporter({ url: collector.logsUrl });
    const provider = new LoggerProvider({ processors: [new SpillwayLogRecordProcessor({ exporter })] });
    const logger = provider.getLogger('consumer', '1.0.0');
    for (let index = 0; index < 100; index++) logger.emit({ body: `record ${index}` });
    await provider.shutdown();
    const received = await collector.received(100);
    assert.deepEqual([received.length, received[99].body], [100, 'record 99']);
    assert.deepEqual(received[0].scope, { name: 'consumer', version: '1.0.0', attributes: {} });
    await collector.stop();
  }
};

function assertLaw(stats, offered) {
  assert.equal(stats.offered, offered);
  const dropped = Object.values(stats.dropped).reduce((sum, count) => sum + count, 0);
  assert.equal(
    stats.offered + stats.recovered,
    stats.exported + dropped + stats.queued.records + stats.inFlight.records + stats.spooled.records,
  );
}
