/** What is claimed of processes that end. */

import { once } from 'node:events';
import { type Claim, judged, seconds } from '../claim.ts';
import type { Plan } from '../service.ts';
import { NOWHERE, type Stage } from '../stage.ts';

/** A process that is killed has its directory taken over when its lease has run out. */
const TAKEOVER_MILLIS = 40_000;
const RECORDS = 300;

/** What such a process leaves behind is delivered by the next one. */
async function deliveredByTheNext(stage: Stage, way: Plan['way']): Promise<string> {
  const collector = await stage.collector({ condition: 'dead' });
  const left = { url: collector.logsUrl, directory: await stage.directory() };
  const child = stage.start({ ...left, way, records: RECORDS });
  if (way === 'waits') {
    await once(child, 'message');
    child.kill('SIGKILL');
  }
  await once(child, 'exit');
  await collector.become('well');
  stage.start({ ...left, way: 'waits', records: 0 });
  return stage.allArrive(collector, TAKEOVER_MILLIS, RECORDS);
}

export const ends: readonly Claim[] = [
  {
    says: 'A process that has nothing more to do delivers what is queued before it ends, without a shutdown',
    play: async (stage) => {
      const collector = await stage.collector();
      await stage.run({ url: collector.logsUrl, way: 'nothing more to do', records: RECORDS });
      return stage.allArrive(collector, 10, RECORDS);
    },
  },
  {
    says: 'A process that has nothing more to do ends within 8 s without a collector',
    play: async (stage) => {
      const child = stage.start({ url: NOWHERE, way: 'nothing more to do', records: RECORDS });
      await once(child, 'message');
      const start = performance.now();
      await once(child, 'exit');
      const took = performance.now() - start;
      return judged(took < 8_000, seconds(took));
    },
  },
  {
    says: 'process.exit() loses nothing where there is a directory for it',
    play: (stage) => deliveredByTheNext(stage, 'process.exit'),
  },
  {
    says: 'An uncaught error loses nothing where there is a directory for it',
    play: (stage) => deliveredByTheNext(stage, 'an uncaught error'),
  },
  {
    says: 'SIGKILL loses nothing that is 3 s old where there is a directory for it',
    play: (stage) => deliveredByTheNext(stage, 'waits'),
  },
];
