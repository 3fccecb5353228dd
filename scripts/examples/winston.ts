/** What winston logs arrives as OpenTelemetry records: severity, message, and metadata as attributes. */
import assert from 'node:assert/strict';
import type { Check } from './support/play.ts';
import { serve } from './support/served.ts';

export const check: Check = async (start, collector) => {
  const error = await serve(await start(), collector);
  assert.equal(error.attributes['exception.message'], 'no such order');
};
