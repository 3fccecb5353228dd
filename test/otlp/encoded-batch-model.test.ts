/** The batch of encoded records against a plain array of records, over random sequences of everything it can do. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EncodedBatch } from '../../src/otlp/encoding/encoded-batch.ts';
import { EnvelopeEncoder } from '../../src/otlp/encoding/envelope-encoder.ts';
import type { EmittedRecord } from '../../src/queue/log-batch.ts';
import { decodeRequest, expectedRequest, type PlainRequest, reencode } from '../support/otlp-oracle.ts';
import { anyRecords } from '../support/otlp-records.ts';
import { runs } from '../support/property-runs.ts';
import { record } from '../support/records.ts';

/** A tag and a length take six bytes at most and two at least, of each resource and of each scope in it. */
const FRAMING_SLACK_BYTES = 4;

const RESOURCES = [
  { attributes: { 'service.name': 'shop', note: 'x'.repeat(200) }, schemaUrl: 'https://example.com/r' },
  { attributes: { 'service.name': 'bank' } },
];
const SCOPES = [
  { name: 'orders', version: '1.0', schemaUrl: 'https://example.com/s' },
  { name: 'payments', attributes: { kind: 'x'.repeat(130) } },
  { name: 'users' },
];

interface Added {
  readonly resource: number;
  readonly scope: number;
  readonly size: number;
  readonly capacityBytes: number;
}
interface Model {
  readonly batches: EmittedRecord[][];
  ids: number;
}
interface Real {
  readonly envelopes: EnvelopeEncoder;
  readonly batches: EncodedBatch[];
}

const groupOf = ({ resource, instrumentationScope }: EmittedRecord) =>
  `${RESOURCES.indexOf(resource as never)}/${SCOPES.indexOf(instrumentationScope as never)}`;

/** In any order of groups: which of them is older is lost when the oldest records of a batch are. */
function groupsOf({ resourceLogs }: PlainRequest) {
  const groups = resourceLogs.flatMap(({ scopeLogs, ...resource }) =>
    scopeLogs.map((scope) => ({ ...resource, scope })),
  );
  const name = ({ resource, scope }: (typeof groups)[number]) =>
    JSON.stringify([resource?.attributes, scope.scope?.name]);
  return groups.toSorted((a, b) => name(a).localeCompare(name(b)));
}

function check(model: Model, real: Real): void {
  expect(real.batches).toHaveLength(model.batches.length);
  model.batches.forEach((records, index) => {
    const batch = real.batches[index] as EncodedBatch;
    const request = Buffer.from(batch.toRequest());
    expect(batch.records).toBe(records.length);
    const decoded = decodeRequest(request);
    expect(groupsOf(decoded)).toEqual(groupsOf(expectedRequest(records)));
    expect(decoded.resourceLogs).toHaveLength(new Set(records.map(({ resource }) => resource)).size);
    expect(Buffer.compare(reencode(request), request)).toBe(0);
    const envelopes = decoded.resourceLogs.length + new Set(records.map(groupOf)).size;
    expect(batch.bytes).toBeGreaterThanOrEqual(request.length);
    expect(batch.bytes - request.length).toBeLessThanOrEqual(FRAMING_SLACK_BYTES * envelopes);
    // Asking for it has changed nothing.
    expect(batch.toRequest().equals(request)).toBe(true);
  });
}

type Run = (batch: EncodedBatch, records: EmittedRecord[], model: Model, real: Real) => void;

/** A step on one of the batches and on its model. */
class Step implements fc.Command<Model, Real> {
  readonly #name: string;
  readonly #which: number;
  readonly #run: Run;

  constructor(name: string, which: number, run: Run) {
    this.#name = `${name} (batch ${which})`;
    this.#which = which;
    this.#run = run;
  }

  check(): boolean {
    return true;
  }

  run(model: Model, real: Real): void {
    const index = this.#which % model.batches.length;
    this.#run(real.batches[index] as EncodedBatch, model.batches[index] as EmittedRecord[], model, real);
    check(model, real);
  }

  toString(): string {
    return this.#name;
  }
}

/** Returned sizes have to add up to what the batch says of itself. */
function expectChange(batch: EncodedBatch, sign: 1 | -1, change: () => number): void {
  const before = batch.bytes;
  const size = change();
  expect(batch.bytes).toBe(before + sign * size);
}

const add =
  ({ resource, scope, size }: Added): Run =>
  (batch, records, model) => {
    const added = record({
      body: model.ids++,
      attributes: { padding: 'x'.repeat(size) },
      resource: RESOURCES[resource],
      instrumentationScope: SCOPES[scope],
    });
    expectChange(batch, 1, () => batch.add(added));
    records.push(added);
  };

const addUnreadable =
  ({ resource, scope }: Added): Run =>
  (batch) => {
    const source = { resource: RESOURCES[resource], instrumentationScope: SCOPES[scope] };
    expectChange(batch, 1, () => {
      expect(() => batch.add(record({ ...source, hrTime: undefined, body: 'x'.repeat(500) }))).toThrow();
      return 0;
    });
  };

const shift: Run = (batch, records) => {
  expectChange(batch, -1, () => batch.shift());
  records.shift();
};

const pop: Run = (batch, records) => {
  expectChange(batch, -1, () => batch.pop());
  records.pop();
};

const split =
  (count: number): Run =>
  (batch, records, model, real) => {
    real.batches.push(batch.split(count));
    model.batches.push(records.splice(0, count));
  };

/** The batch that is appended is not used any more. */
const append =
  (other: number): Run =>
  (batch, records, model, real) => {
    const index = other % model.batches.length;
    const next = real.batches[index] as EncodedBatch;
    if (next === batch) return;
    batch.append(next);
    records.push(...(model.batches[index] as EmittedRecord[]));
    real.batches.splice(index, 1);
    model.batches.splice(index, 1);
  };

const open =
  ({ capacityBytes }: Added): Run =>
  (_batch, _records, model, real) => {
    real.batches.push(new EncodedBatch(real.envelopes, Number.POSITIVE_INFINITY, capacityBytes));
    model.batches.push([]);
  };

const anyAdded = fc.record<Added>({
  resource: fc.nat(1),
  scope: fc.nat(2),
  size: fc.constantFrom(0, 20, 60, 90, 200, 17_000),
  capacityBytes: fc.constantFrom(0, 200, 5_000),
});
const step = (name: string, anyRun: fc.Arbitrary<Run>) =>
  fc.tuple(fc.nat(7), anyRun).map(([which, run]) => new Step(name, which, run));
const anyStep: fc.Arbitrary<fc.Command<Model, Real>>[] = [
  ...Array(4).fill(step('add', anyAdded.map(add))),
  step('add unreadable', anyAdded.map(addUnreadable)),
  step('shift', fc.constant(shift)),
  step('pop', fc.constant(pop)),
  step('split', fc.nat(5).map(split)),
  step('append', fc.nat(7).map(append)),
  step('open', anyAdded.map(open)),
];

test('an encoded batch holds, counts and sends the same as an array of records', () => {
  fc.assert(
    fc.property(
      fc.commands(anyStep, { maxCommands: 40 }),
      fc.constantFrom(0, 64, 4_096),
      (steps, capacity) => {
        const envelopes = new EnvelopeEncoder();
        const batch = new EncodedBatch(envelopes, Number.POSITIVE_INFINITY, capacity);
        fc.modelRun(
          () => ({ model: { batches: [[]], ids: 0 } as Model, real: { envelopes, batches: [batch] } }),
          steps,
        );
      },
    ),
    runs(15),
  );
});

test('an encoded batch that is given away piece by piece sends each record once and weighs nothing in the end', () => {
  fc.assert(
    fc.property(anyRecords, fc.array(fc.nat(4)), (records, sizes) => {
      const batch = new EncodedBatch(new EnvelopeEncoder(), Number.POSITIVE_INFINITY, 0);
      for (const item of records) batch.add(item);
      const pieces = [...sizes, records.length].map((size) => batch.split(size));
      expect({ records: batch.records, bytes: batch.bytes, request: batch.toRequest().length }).toEqual({
        records: 0,
        bytes: 0,
        request: 0,
      });
      const whole = new EncodedBatch(new EnvelopeEncoder(), Number.POSITIVE_INFINITY, 0);
      for (const piece of pieces) whole.append(piece);
      expect(decodeRequest(whole.toRequest())).toEqual(expectedRequest(records));
    }),
    runs(10),
  );
});
