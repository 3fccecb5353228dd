/** A collector that knows who sent what, and when: each sender has a port of its own. */

import type { Condition, ReceivedRecord } from '../src/testing/index.ts';
import { serveLogs } from '../src/testing/server.ts';
import { SERVICE_NAME, scopeOf, severityOf, timestampOf } from './spooling-plan.ts';

/** A record was stored, before its sender was told so. */
export interface Arrival {
  readonly sender: string;
  /** Since the Unix epoch. */
  readonly atMillis: number;
}

/** What one request brought. */
export interface Testimony extends Arrival {
  readonly bodies: readonly string[];
  /** Those of records that are not as they were emitted. */
  readonly altered: readonly string[];
}

/** Of each sender. */
export type Ports = Readonly<Record<string, number>>;

export interface Witness {
  readonly ports: Ports;
  become(condition: Condition): Promise<void>;
}

/** Epoch milliseconds with fractions, of a clock that all processes of the machine share. */
export function epochMillis(): number {
  return performance.timeOrigin + performance.now();
}

/** `tell` is awaited before a request that stored records is answered. */
export async function serveWitness(
  wanted: Ports,
  tell: (testimony: Testimony) => void | Promise<void>,
): Promise<Witness> {
  const servers = await Promise.all(
    Object.entries(wanted).map(async ([sender, port]) => {
      const server = await serveLogs({ port, identity: 'body' }, async ({ ids, records }) => {
        if (ids.length === 0) return;
        const altered = records.filter(isAltered).map((record) => JSON.stringify(record));
        await tell({ sender, atMillis: epochMillis(), bodies: ids, altered });
      });
      return { sender, server };
    }),
  );
  return {
    ports: Object.fromEntries(servers.map(({ sender, server }) => [sender, server.port])),
    become: async (condition) => {
      await Promise.all(servers.map(({ server }) => server.become(condition)));
    },
  };
}

/** Whoever sent it: all of a record is its emitter's. The library's own records are not looked at. */
function isAltered({ body, resource, scope, attributes, severityNumber, timeUnixNano }: ReceivedRecord) {
  const [, name, digits] = /^(.*)\/(\d+)$/.exec(String(body)) ?? [];
  if (digits === undefined) return false;
  const number = Number(digits);
  return (
    resource['service.name'] !== SERVICE_NAME ||
    resource['service.instance.id'] !== name ||
    scope.name !== scopeOf(number) ||
    severityNumber !== severityOf(number) ||
    timeUnixNano !== `${timestampOf(number)}000000` ||
    attributes.number !== number ||
    typeof attributes.padding !== 'string'
  );
}
