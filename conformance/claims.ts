/** All that is claimed, in the order of the page. */

import type { Claim } from './claim.ts';
import { calls } from './claims/calls.ts';
import { ends } from './claims/ends.ts';
import { outages } from './claims/outages.ts';
import { records } from './claims/records.ts';

export const claims: readonly Claim[] = [...outages, ...ends, ...calls, ...records];
