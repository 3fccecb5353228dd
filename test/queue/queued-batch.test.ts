/** The states of a batch: which moves there are, and that all others change nothing. */

import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { UNTRIED } from '../../src/queue/delivery-history.ts';
import {
  DISK_EXITS,
  type DiskCopy,
  type OnDisk,
  PLACE_EXITS,
  type Place,
  QueuedBatch,
  type Written,
} from '../../src/queue/queued-batch.ts';
import { RecordBatch } from '../../src/records/record-batch.ts';
import { checkMoves } from '../support/legal-moves.ts';
import { record } from '../support/records.ts';

beforeAll(() => checkMoves(false));
afterAll(() => checkMoves(true));

type Batch = QueuedBatch<RecordBatch>;

/** A copy that says what a test has it say, and writes down what it is told. */
class Copy implements DiskCopy {
  isStored = true;
  isEvicted = false;
  isTakenOver = false;
  isReleasable = true;
  isOurs = true;
  readonly told: unknown[][] = [];

  maySend(): boolean {
    return this.isOurs;
  }

  split(): void {
    this.told.push(['split']);
  }

  settle(...args: number[]): void {
    this.told.push(['settle', ...args]);
  }

  release(): void {
    this.told.push(['release']);
  }
}

function contentsOf(records: number): RecordBatch {
  const contents = new RecordBatch(1 << 20);
  for (let body = 0; body < records; body++) contents.add(record({ body }));
  return contents;
}

function opened(records = 4): Batch {
  return new QueuedBatch(contentsOf(records), 1, 0, false);
}

function replayed(copy: DiskCopy, records = 4, offset = 0): Batch {
  const identity = { sequence: 1, openedAt: 0, isProtected: false };
  return QueuedBatch.replayed(contentsOf(records), identity, offset, UNTRIED, copy);
}

/** The way to each place, from a batch that has just been opened. */
const WAYS: Readonly<Record<Place, readonly ((batch: Batch) => boolean)[]>> = {
  open: [],
  waiting: [(batch) => batch.seal()],
  sending: [(batch) => batch.take()],
  leaving: [(batch) => batch.take(), (batch) => batch.waitForDisk()],
  gone: [(batch) => batch.end()],
};

const WAYS_ON_DISK: Readonly<Record<OnDisk, readonly ((batch: Batch) => boolean)[]>> = {
  none: [],
  writing: [(batch) => batch.writeBegan()],
  refused: [(batch) => batch.writeBegan(), (batch) => batch.writeEnded('refused')],
  copy: [(batch) => batch.writeBegan(), (batch) => batch.writeEnded(new Copy())],
};

/** Each move, where it leads, and from where alone, if that is not every place that has this exit. */
const MOVES: readonly (readonly [string, (batch: Batch) => boolean, Place, Place?])[] = [
  ['seal', (batch) => batch.seal(), 'waiting', 'open'],
  ['take', (batch) => batch.take(), 'sending'],
  ['requeue', (batch) => batch.requeue(), 'waiting', 'sending'],
  ['waitForDisk', (batch) => batch.waitForDisk(), 'leaving'],
  ['end', (batch) => batch.end(), 'gone'],
  ['settle', (batch) => batch.settle(), 'gone'],
];

const MOVES_ON_DISK: readonly (readonly [string, (batch: Batch) => boolean, OnDisk, OnDisk?])[] = [
  ['writeBegan', (batch) => batch.writeBegan(), 'writing', 'none'],
  ['writeEnded', (batch) => batch.writeEnded(new Copy()), 'copy'],
  ['writeEnded, refused', (batch) => batch.writeEnded('refused'), 'refused'],
  ['writeEnded, failed', (batch) => batch.writeEnded('failed'), 'none', 'writing'],
  ['retryRefused', (batch) => batch.retryRefused(), 'none', 'refused'],
];

function batchAt(place: Place, onDisk: OnDisk): Batch {
  const batch = opened();
  for (const move of [...WAYS_ON_DISK[onDisk], ...WAYS[place]]) expect(move(batch)).toBe(true);
  expect([batch.place, batch.onDisk]).toEqual([place, onDisk]);
  return batch;
}

const PLACES = Object.keys(PLACE_EXITS) as Place[];
const ON_DISK = Object.keys(DISK_EXITS) as OnDisk[];

test('a batch can make exactly the moves that are drawn, from every place and whatever the disk has of it', () => {
  for (const place of PLACES) {
    for (const onDisk of ON_DISK) {
      for (const [name, move, to, from = place] of MOVES) {
        const batch = batchAt(place, onDisk);
        const isLegal = place === from && PLACE_EXITS[place].includes(to);
        const told = `${name} of a batch that is ${place}, on disk: ${onDisk}`;
        expect(move(batch), told).toBe(isLegal);
        expect([batch.place, batch.onDisk], told).toEqual([isLegal ? to : place, onDisk]);
      }
      for (const [name, move, to, from = onDisk] of MOVES_ON_DISK) {
        const batch = batchAt(place, onDisk);
        const isLegal = onDisk === from && DISK_EXITS[onDisk].includes(to);
        const told = `${name} of a batch that is ${place}, on disk: ${onDisk}`;
        expect(move(batch), told).toBe(isLegal);
        expect([batch.place, batch.onDisk], told).toEqual([place, isLegal ? to : onDisk]);
      }
    }
  }
});

test('every exit that is drawn belongs to a move, but the one of a copy that is not there any more', () => {
  for (const place of PLACES) {
    const exits = MOVES.filter(([, , , from = place]) => from === place).map(([, , to]) => to);
    expect(new Set(exits.filter((to) => PLACE_EXITS[place].includes(to)))).toEqual(
      new Set(PLACE_EXITS[place]),
    );
  }
  const copy = new Copy();
  const batch = opened();
  batch.writeBegan();
  batch.writeEnded(copy);
  expect(batch.writeBegan()).toBe(false);
  copy.isStored = false;
  expect(batch.writeBegan()).toBe(true);
  copy.isTakenOver = true;
  const taken = replayed(copy);
  expect(taken.writeBegan()).toBe(false);
});

test('no series of moves brings a batch back from where it is gone', () => {
  const moves = [...MOVES, ...MOVES_ON_DISK].map(([name, move]) => ({ name, move }));
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...moves), { maxLength: 12 }), (steps) => {
      const batch = opened();
      batch.end();
      for (const { move } of steps) move(batch);
      expect(batch.place).toBe('gone');
    }),
  );
});

test('a part that is split off has the place, the copy, the origin and the very history of the whole', () => {
  const copy = new Copy();
  const whole = replayed(copy, 5, 10);
  whole.take();
  whole.history = { ...UNTRIED, attempts: 3, notBefore: 7 };
  const part = whole.split(2);
  expect(part.history).toBe(whole.history);
  expect([part.place, part.onDisk, part.origin, part.copy]).toEqual(['sending', 'copy', 'replay', copy]);
  expect([part.offset, whole.offset]).toEqual([10, 12]);
  expect(part.isOlderThan(whole)).toBe(true);
  expect(copy.told).toEqual([['split']]);
  part.settle();
  expect(copy.told).toEqual([['split'], ['settle', 10, 2]]);
});

test('a batch that is gone when its writing ends has its copy settled, so that it is not found again', () => {
  for (const isGone of [false, true]) {
    const copy = new Copy();
    const batch = opened(3);
    batch.writeBegan();
    if (isGone) batch.end();
    batch.writeEnded(copy);
    expect(copy.told).toEqual(isGone ? [['settle', 0, 3]] : []);
  }
});

test('settled records are reported to a copy that exists, and for a replay also to one that does not', () => {
  const live = new Copy();
  const batch = opened(3);
  batch.writeBegan();
  batch.writeEnded(live);
  const replay = new Copy();
  const read = replayed(replay, 3);
  live.isStored = false;
  replay.isStored = false;
  for (const one of [batch, read]) one.settle();
  expect(live.told).toEqual([]);
  expect(replay.told).toEqual([['settle', 0, 3]]);
});

test.each<[string, Written | undefined, Partial<Copy>, boolean, boolean]>([
  ['in memory only', undefined, {}, true, false],
  ['refused by the disk', 'refused', {}, true, true],
  ['in memory only since writing failed', 'failed', {}, true, false],
  ['on disk as well', new Copy(), {}, true, true],
  ['on disk, and perhaps taken over', new Copy(), { isOurs: false }, false, false],
  ['taken over', new Copy(), { isStored: false, isTakenOver: true }, false, false],
  ['without its copy, which had to give way', new Copy(), { isStored: false, isEvicted: true }, true, true],
  ['without its copy, which is damaged', new Copy(), { isStored: false }, true, false],
])(
  'What is %s may be sent, or not, also where only what is on disk may',
  (_, written, state, may, mayAhead) => {
    const batch = opened();
    if (written !== undefined) {
      batch.writeBegan();
      expect(batch.mayBeSent(0, false)).toBe(false);
      batch.writeEnded(written);
      if (typeof written === 'object') Object.assign(written, state);
    }
    expect([batch.mayBeSent(0, false), batch.mayBeSent(0, true)]).toEqual([may, mayAhead]);
    batch.take();
    batch.waitForDisk();
    expect(batch.mayBeSent(0, false)).toBe(false);
  },
);
