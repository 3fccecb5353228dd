/** Everything that is promised of a run, beside what is looked at after each step. */

import {
  exportersAreFlushed,
  nothingComesTwice,
  nothingIsMissing,
  pagesAreNoDeliveries,
} from './arrivals.ts';
import { busyWhenHealthy, endsAsk, endsDeliver, endsInTime, flushesKeepTheirWord } from './ends.ts';
import { diskHoldsWhatIsSaid } from './leftovers.ts';
import {
  diskBeforeLoss,
  fullMeansFull,
  hiccupsCostNothing,
  lossesAreTold,
  onlyTheBadAreRejected,
  poisonCostsItself,
  rateLimitsCostNothing,
  reasonsHold,
  sizeCostsNothing,
  wrongPlacesCostNothing,
} from './losses.ts';
import { exportsAreBounded, filesAreUsedWell, nothingIsThrown } from './order.ts';
import type { Property } from './property.ts';
import {
  fewRequests,
  hiddenLimitsAreFound,
  incidentsCountOnce,
  oneAtATime,
  oneClock,
  outagesAreShort,
  requestedDelaysAreKept,
} from './recovery.ts';

export const PROPERTIES: readonly Property[] = [
  nothingIsMissing,
  nothingComesTwice,
  diskHoldsWhatIsSaid,
  pagesAreNoDeliveries,
  exportersAreFlushed,
  outagesAreShort,
  incidentsCountOnce,
  oneClock,
  oneAtATime,
  requestedDelaysAreKept,
  fewRequests,
  hiddenLimitsAreFound,
  endsInTime,
  endsAsk,
  endsDeliver,
  flushesKeepTheirWord,
  busyWhenHealthy,
  lossesAreTold,
  diskBeforeLoss,
  hiccupsCostNothing,
  fullMeansFull,
  sizeCostsNothing,
  onlyTheBadAreRejected,
  wrongPlacesCostNothing,
  poisonCostsItself,
  rateLimitsCostNothing,
  reasonsHold,
  nothingIsThrown,
  filesAreUsedWell,
  exportsAreBounded,
];
