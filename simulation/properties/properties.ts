/** Everything that is promised of a run, beside what is looked at after each step. */

import { nothingComesTwice, nothingIsMissing, pagesAreNoDeliveries } from './arrivals.ts';
import { busyWhenHealthy, endsAsk, endsDeliver, endsInTime, flushesKeepTheirWord } from './ends.ts';
import {
  diskBeforeLoss,
  fullMeansFull,
  lossesAreTold,
  onlyTheBadAreRejected,
  poisonCostsItself,
  rateLimitsCostNothing,
  reasonsHold,
  sizeCostsNothing,
  wrongPlacesCostNothing,
} from './losses.ts';
import { filesAreUsedWell, nothingIsThrown } from './order.ts';
import type { Property } from './property.ts';
import {
  fewRequests,
  incidentsCountOnce,
  oneAtATime,
  oneClock,
  outagesAreShort,
  wishesAreGranted,
} from './recovery.ts';

export const PROPERTIES: readonly Property[] = [
  nothingIsMissing,
  nothingComesTwice,
  pagesAreNoDeliveries,
  outagesAreShort,
  incidentsCountOnce,
  oneClock,
  oneAtATime,
  wishesAreGranted,
  fewRequests,
  endsInTime,
  endsAsk,
  endsDeliver,
  flushesKeepTheirWord,
  busyWhenHealthy,
  lossesAreTold,
  diskBeforeLoss,
  fullMeansFull,
  sizeCostsNothing,
  onlyTheBadAreRejected,
  wrongPlacesCostNothing,
  poisonCostsItself,
  rateLimitsCostNothing,
  reasonsHold,
  nothingIsThrown,
  filesAreUsedWell,
];
