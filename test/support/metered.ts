/** A harness whose processor reports to a MeterProvider of its own. */

import { Harness } from './harness.ts';
import { Telemetry } from './metrics-reader.ts';
import { record } from './records.ts';
import type { Behaviour } from './scripted-exporter.ts';

export type MeteredOptions = ConstructorParameters<typeof Harness>[0];

export class Metered extends Harness {
  readonly telemetry: Telemetry;

  constructor(options: MeteredOptions = {}, ...script: Behaviour[]) {
    const telemetry = new Telemetry();
    super({ meterProvider: telemetry.provider, ...options }, ...script);
    this.telemetry = telemetry;
  }

  collect() {
    return this.telemetry.collect();
  }
}

/** A record that cannot be admitted. */
export function unreadable(): ReturnType<typeof record> {
  return Object.defineProperty(record(), 'body', {
    get() {
      throw new Error('unreadable');
    },
  });
}
