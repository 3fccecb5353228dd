/** A fleet on the simulator: the real processors in simulated processes, a simulated network, one collector. */

import { diag } from '@opentelemetry/api';
import { SimulatedDisk } from '../simulation/disk/simulated-disk.ts';
import { Collector } from '../simulation/network/collector.ts';
import { makeExporter } from '../simulation/network/exporters.ts';
import { packId } from '../simulation/network/record-ids.ts';
import type { Weather } from '../simulation/network/weather.ts';
import { SimulatedProcess } from '../simulation/process.ts';
import { recordOf } from '../simulation/record.ts';
import { SpillwayLogRecordProcessor } from '../simulation/subject.ts';
import { BEGINNING, World } from '../simulation/world.ts';
import { busiest, type FleetFigures, type FleetPlan, loggedIn } from './plan.ts';

const CALM_MILLIS = 10_000;
/** A service logs more than one record in a turn. */
const BURSTS_PER_SECOND = 4;
/** What a gateway may hold that it has not passed on. */
const COLLECTOR_BYTES = 8 * 1024 ** 2;
const LOOK_EVERY_MILLIS = 100;
const MAX_DRAIN_MILLIS = 1_800_000;
/** What an id, time and frame take of a record, beside its body. */
const OVERHEAD_BYTES = 37;
/** In one instant. */
const EVENTS_OF_A_PROCESS = 50;
/** A process that may use 4 GiB: 64 MiB for the queue. */
const USABLE_MEMORY_BYTES = 4 * 1024 ** 3;

interface Member {
  readonly processor: SpillwayLogRecordProcessor;
  emitted: number;
  /** Records emitted before the return. */
  emittedBefore: number;
}

export async function simulateFleet(plan: FleetPlan, seed = 1): Promise<FleetFigures> {
  // When the collector goes, all hear it in the same instant.
  const world = new World(seed, EVENTS_OF_A_PROCESS * (100 + plan.processes));
  const collector = new Collector(world.clock);
  const members = Array.from({ length: plan.processes }, (_, number) =>
    startMember(plan, number, world, collector),
  );
  const downAt = BEGINNING + CALM_MILLIS;
  const backAt = downAt + plan.outageMillis;
  world.schedule(downAt, () => {
    collector.weather = { kind: 'down' };
  });
  world.schedule(backAt, () => {
    collector.weather = weatherAfter(plan);
    for (const member of members) member.emittedBefore = member.emitted;
  });
  let drainedAt: number | undefined;
  let waiting = [...members.entries()];
  const look = () => {
    // The oldest go first: when the last that was logged before has arrived, so have the others, or never will.
    waiting = waiting.filter(([number, { processor, emittedBefore }]) => {
      const hasArrived = collector.arrivals.firstOf(packId(number, emittedBefore - 1)) !== undefined;
      return !hasArrived || (plan.hasSpool && processor.stats().spooled.records > 0);
    });
    if (waiting.length === 0) drainedAt = world.now;
    else world.schedule(world.now + LOOK_EVERY_MILLIS, look);
  };
  world.schedule(backAt + LOOK_EVERY_MILLIS, look);
  let isOver = false;
  world.schedule(backAt + MAX_DRAIN_MILLIS, () => {
    isOver = true;
  });
  // What the processors have to say of the outage is known.
  diag.disable();
  await world.run(
    () => isOver || drainedAt !== undefined,
    () => {},
  );
  return figuresOf(plan, { members, collector, backAt, drainedAt });
}

function weatherAfter({ processes, recordsPerSecond, recordBytes, capacity, holdBytes }: FleetPlan): Weather {
  if (capacity === undefined) return { kind: 'healthy' };
  const drainBytesPerSecond = processes * recordsPerSecond * recordBytes * capacity;
  return { kind: 'memory-limit', bytes: holdBytes ?? COLLECTOR_BYTES, drainBytesPerSecond };
}

function startMember(
  { recordsPerSecond, recordBytes, maxQueueBytes, hasSpool }: FleetPlan,
  number: number,
  world: World,
  collector: Collector,
): Member {
  const process = new SimulatedProcess(number, world, world.chance.fork());
  const id = `p${number}`;
  // Each has a machine of its own.
  if (hasSpool) process.files = new SimulatedDisk(world.clock).view(id, process.spend);
  const { clock } = process;
  const member: Member = {
    processor: new SpillwayLogRecordProcessor(
      {
        exporter: makeExporter('own', collector, { id, clock }),
        ...(maxQueueBytes !== undefined && { maxQueueBytes }),
        ...(hasSpool && { spool: { directory: '/spool' } }),
      },
      {
        clock,
        memoryUseRatio: () => 0,
        usableMemoryBytes: () => USABLE_MEMORY_BYTES,
        environment: {},
        process: process.events,
        ...(process.files !== undefined && { files: process.files }),
      },
    ),
    emitted: 0,
    emittedBefore: 0,
  };
  const bytes = Math.max(1, recordBytes - OVERHEAD_BYTES);
  // They were not started in step.
  const startAt = BEGINNING + world.chance.next() * 1_000;
  const burst = () => {
    const due = Math.floor(((world.now - startAt) / 1_000) * recordsPerSecond);
    for (; member.emitted < due; member.emitted++) {
      member.processor.onEmit(recordOf(number, member.emitted, bytes));
    }
    clock.timer(burst, 1_000 / Math.min(BURSTS_PER_SECOND, recordsPerSecond));
  };
  world.schedule(startAt, burst);
  return member;
}

interface Seen {
  readonly members: readonly Member[];
  readonly collector: Collector;
  readonly backAt: number;
  readonly drainedAt: number | undefined;
}

function figuresOf(plan: FleetPlan, { members, collector, backAt, drainedAt }: Seen): FleetFigures {
  const requests = collector.requests
    .filter(({ takenAt, answeredAt }) => (takenAt ?? answeredAt ?? 0) >= backAt)
    .sort((a, b) => timeOf(a) - timeOf(b));
  const taken = requests.filter(({ taken: records }) => records > 0);
  const at = requests.map(timeOf);
  let offered = 0;
  let dropped = 0;
  let waiting = 0;
  for (const { processor } of members) {
    const stats = processor.stats();
    offered += stats.offered;
    dropped += Object.values(stats.dropped).reduce((sum, records) => sum + records, 0);
    waiting += stats.queued.records + stats.inFlight.records + stats.spooled.records;
  }
  const { arrivals } = collector;
  const again = [...arrivals.repeated.values()].reduce((sum, all) => sum + all.length - 1, 0);
  const arrived = arrivals.records - arrivals.others - again;
  // What still waits may have arrived already, its answer being under way.
  const lost = Math.max(dropped, offered - arrived - waiting);
  return {
    offered,
    lost,
    lostShare: lost / loggedIn(plan, plan.outageMillis),
    dropped,
    twice: again,
    resumedMillis: taken[0] && timeOf(taken[0]) - backAt,
    drainedMillis: drainedAt === undefined ? undefined : drainedAt - backAt,
    peakLoad:
      busiest(
        taken.map(timeOf),
        taken.map(({ taken: records }) => records),
        1_000,
      ) /
      (plan.processes * plan.recordsPerSecond),
    peakRequestsPerSecond: busiest(
      at,
      at.map(() => 1),
      1_000,
    ),
    refusedShare: requests.length === 0 ? 0 : (requests.length - taken.length) / requests.length,
  };
}

function timeOf({
  takenAt,
  answeredAt,
}: {
  takenAt: number | undefined;
  answeredAt: number | undefined;
}): number {
  return takenAt ?? answeredAt ?? 0;
}
