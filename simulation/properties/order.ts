/** What a processor does not do to others: to the application, to its exporter, to files. */

import type { Life } from '../life.ts';
import { callsOf, type Property } from './property.ts';

export const nothingIsThrown: Property = {
  name: 'nothing is thrown into the application',
  judge: (seen) =>
    seen.lives.flatMap((life) =>
      life.thrown.slice(0, 1).map((message) => ({ process: life.number, at: life.endedAt, message })),
    ),
};

export const filesAreUsedWell: Property = {
  name: 'no file is used that is closed',
  judge: (seen) =>
    seen.disk.misuses.slice(0, 1).map((message) => ({ process: undefined, at: seen.endedAt, message })),
};

/** An exporter that nothing is known of is not called again before it has answered: so the specification has it. */
const AT_ONCE: Readonly<Record<string, number>> = {
  own: 16,
  unknown: 1,
  buffering: 1,
  'official-http': 30,
  'official-grpc': 30,
};

function mostAtOnce({ plan }: Life): number {
  return plan.options.maxConcurrentExports ?? AT_ONCE[plan.exporter.kind] ?? 1;
}

export const exportsAreBounded: Property = {
  name: 'no more exports at once than are allowed',
  judge: (seen) =>
    seen.lives.flatMap((life) => {
      const most = mostAtOnce(life);
      let underWay: number[] = [];
      for (const { at, endedAt = Number.POSITIVE_INFINITY } of callsOf(seen, life)) {
        underWay = underWay.filter((end) => end > at);
        underWay.push(endedAt);
        if (underWay.length <= most) continue;
        const message = `${underWay.length} exports were under way, of ${most}`;
        return [{ process: life.number, at, message }];
      }
      return [];
    }),
};
