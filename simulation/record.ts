/** Log records as an SDK would give them to a processor, without the cost of one. */

import type { EmittedRecord } from './subject.ts';

const RESOURCE = { attributes: { 'service.name': 'simulated' } } as unknown as EmittedRecord['resource'];
const SCOPE = { name: 'simulated' };
const TIME: [number, number] = [1_767_225_600, 0];
const NO_ATTRIBUTES = {};

/** DEBUG, INFO and ERROR, as an application has them. */
const SEVERITIES = [9, 9, 9, 5, 9, 9, 17, 9] as const;

/** @param n its number within its process: body and severity come from it. */
export function recordOf(process: number, n: number, bytes: number): EmittedRecord {
  return {
    hrTime: TIME,
    hrTimeObserved: TIME,
    severityNumber: SEVERITIES[n % SEVERITIES.length],
    body: bodyOf(process, n, bytes),
    attributes: NO_ATTRIBUTES,
    droppedAttributesCount: 0,
    resource: RESOURCE,
    instrumentationScope: SCOPE,
  } as unknown as EmittedRecord;
}

/** A record that throws when it is read. */
export function hostileRecord(): EmittedRecord {
  return {
    resource: RESOURCE,
    instrumentationScope: SCOPE,
    attributes: NO_ATTRIBUTES,
    get body(): never {
      throw new Error('a getter of the application');
    },
    get hrTime(): never {
      throw new Error('a getter of the application');
    },
  } as unknown as EmittedRecord;
}

const paddings = new Map<number, string>();

function bodyOf(process: number, n: number, bytes: number): string {
  const id = `p${process}-${n}`;
  let padding = paddings.get(bytes);
  if (padding === undefined) {
    padding = 'x'.repeat(bytes);
    paddings.set(bytes, padding);
  }
  return `${id} ${padding}`;
}
