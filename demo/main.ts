/** The demo: one service, real requests, the same logs through three pipelines, and what became of every record. */
import { setTimeout as sleep } from 'node:timers/promises';
import { styleText } from 'node:util';
import { TestCollector } from '../src/testing/index.ts';
import { heldIn } from './balance.ts';
import { seconds, wrap } from './format.ts';
import { createLoad } from './load.ts';
import { type PerPipeline, perPipeline, pipelineNames } from './messages.ts';
import { type Account, conclusion, type SceneResult, table, verdicts } from './report.ts';
import { scenes } from './scenes.ts';
import { type Service, startService } from './service-process.ts';
import { openView } from './view.ts';

/** The demo ends by itself long before this, on a busy machine, too; if it does not, something is broken. */
const deadlineMillis = 180_000;
const maxDrainMillis = 5_000;

/** Bounded: what is not drained by then is still held, and is counted all the same in the end. */
async function drain({ books }: Service): Promise<void> {
  const endMillis = performance.now() + maxDrainMillis;
  let emptyReports = 0;
  while (emptyReports < 3 && performance.now() < endMillis) {
    await sleep(100);
    const empty = pipelineNames.every((name) => {
      const sample = books.latest?.pipelines[name];
      return sample && (sample.balance ? heldIn(sample.balance) : sample.queued.records) === 0;
    });
    emptyReports = empty ? emptyReports + 1 : 0;
  }
}

async function run(): Promise<Account> {
  const spawned = await Promise.all(
    pipelineNames.map(
      async (name) =>
        [name, await TestCollector.spawn({ keep: 'ids', identity: { attribute: 'seq' } })] as const,
    ),
  );
  const collectors = Object.fromEntries(spawned) as PerPipeline<TestCollector>;
  const service = await startService(perPipeline((name) => collectors[name].logsUrl));
  const { books } = service;
  const load = createLoad(service.port);
  const view = openView(process.stdout, () => ({
    sample: books.latest,
    delivered: perPipeline((name) => collectors[name].ids.size),
  }));
  service.onNews(view.say);
  const stage = { load, service, collectors: Object.values(collectors), say: view.say };

  const results: SceneResult[] = [];
  let from = 0;
  for (const [index, scene] of scenes.entries()) {
    view.say(`scene ${index + 1} of ${scenes.length}, ${scene.name}: ${scene.story}`);
    await scene.play(stage);
    view.say('the load has stopped, the queues drain');
    await drain(service);
    await scene.restore?.(stage);
    await service.mark();
    results.push({ name: scene.name, from, to: books.offered, peaks: books.takePeaks() });
    from = books.offered;
  }
  view.say('shutdown: the pipelines send what they still hold');
  load.close();
  await service.finish();
  view.close();
  await Promise.all(Object.values(collectors).map((collector) => collector.stop()));
  const arrived = perPipeline((name) => ({ ids: collectors[name].ids, account: collectors[name].account() }));
  return {
    scenes: results,
    arrived,
    laws: books.laws,
    offered: books.offered,
    recordBytes: books.recordBytes,
  };
}

const startMillis = performance.now();
setTimeout(() => {
  console.error(`the demo did not end in ${seconds(deadlineMillis)}`);
  process.exit(1);
}, deadlineMillis).unref();

/** Lines as they are read, also where a file is written. */
const width = Math.min(process.stdout.columns ?? 100, 100) - 1;
const paragraph = (text: string, indent = ''): string => wrap(text, width).join(`\n${indent}`);

console.log(`${styleText('bold', 'otel-spillway demo')}

${paragraph('A small HTTP service logs with pino through three pipelines concurrently, each with a collector of its own:')}
  stock          BatchLogRecordProcessor and the official OTLP exporter
  spillway       SpillwayLogRecordProcessor and the official OTLP exporter
  spillway-otlp  SpillwayLogRecordProcessor and its own OTLP exporter
${paragraph('Everything has its defaults; the latter two have a disk spool each, in mode \'always\'. While it runs, "lost" is what each processor says of itself. The table at the end counts what the collectors decoded. In the bars █ is delivered, · is lost, ▒ neither, so far.')}
`);
const account = await run();
console.log(`\n${table(account, width).join('\n')}\n`);
console.log(
  `${paragraph('Lost is offered minus delivered: logged in that scene, and never decoded by the collector.')}\n`,
);
for (const { text, good } of verdicts(account)) {
  console.log(styleText(good ? 'green' : 'red', paragraph(`${good ? 'ok' : 'NOT OK'}  ${text}`, '    ')));
  if (!good) process.exitCode = 1;
}
console.log(`\nIt took ${seconds(performance.now() - startMillis)}.\n`);
console.log(styleText('bold', paragraph(conclusion(account))));
