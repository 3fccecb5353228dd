/** A process that fakes all time there is, `node:timers` included: `faking.ts before|after` the package is loaded. */

import { syncBuiltinESMExports } from 'node:module';
import { install } from '@sinonjs/fake-timers';

const [, , when] = process.argv;
const load = () => import('../../src/index.ts');
const realTimeout = setTimeout;
const seconds = (count: number) => new Promise((resolve) => realTimeout(resolve, count * 1_000));

if (when === 'after') await load();
const clock = install();
// What is imported from `node:timers` by its name is faked as well from here on.
syncBuiltinESMExports();
const { SpillwayLogRecordProcessor } = await load();

const delivered: unknown[] = [];
let shutdowns = 0;
const processor = new SpillwayLogRecordProcessor({
  exporter: {
    export: (records, callback) => {
      delivered.push(...records.map(({ body }) => body));
      callback({ code: 0 });
    },
    forceFlush: () => Promise.resolve(),
    shutdown: () => {
      shutdowns++;
      return Promise.resolve();
    },
  },
  scheduledDelayMillis: 100,
});
const emit = (body: number) => processor.onEmit({ body, attributes: {} } as never);

emit(0);
await processor.forceFlush();
const flushed = [...delivered];
emit(1);
await seconds(0.01);
clock.uninstall();
syncBuiltinESMExports();
emit(2);
await seconds(1);
const gone = [...delivered];
await processor.shutdown();
process.stdout.write(JSON.stringify({ flushed, gone, shutdowns }));
