/** That a run comes to its end as it should: nothing is thrown into the application, nothing is misused. */

import type { Property } from './property.ts';

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
