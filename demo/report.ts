/** What the demo says at its end: the table by scene and whether the accounts agree, from what the collectors decoded. */

import { balances, sumOfCounts } from './balance.ts';
import type { CollectorStats } from './collector/protocol.ts';
import { byteSize, columns, count } from './format.ts';
import {
  type Balance,
  type LawReport,
  type Mark,
  type PerPipeline,
  type PipelineName,
  pipelineNames,
} from './messages.ts';

/** Records with `from <= seq < to` were logged in this scene. */
export interface SceneResult {
  name: string;
  from: number;
  to: number;
  peaks: Mark['peaks'];
}

/** What the collector of one pipeline has to show for. */
interface Arrived {
  ids: ReadonlyMap<string, number>;
  stats: CollectorStats;
}

export interface Account {
  scenes: readonly SceneResult[];
  arrived: PerPipeline<Arrived>;
  laws: Partial<PerPipeline<LawReport>>;
  offered: number;
  recordBytes: number;
}

export function table({ scenes, arrived, offered, recordBytes }: Account): string[] {
  const rows = [['scene', 'pipeline', 'offered', 'delivered', 'lost', '', 'peak queue', 'bytes']];
  const total: SceneResult = { name: 'all', from: 0, to: offered, peaks: deepest(scenes) };
  for (const scene of [...scenes, total]) {
    for (const name of pipelineNames) {
      const { records, bytes } = scene.peaks[name];
      const sceneOffered = scene.to - scene.from;
      const delivered = countArrived(arrived[name].ids, scene);
      const lost = sceneOffered - delivered;
      rows.push([
        name === pipelineNames[0] ? scene.name : '',
        name,
        count(sceneOffered),
        count(delivered),
        count(lost),
        lost > 0 ? `${((100 * lost) / sceneOffered).toFixed(1)} %` : '',
        count(records),
        bytes === undefined ? `~${byteSize(records * recordBytes)}` : byteSize(bytes),
      ]);
    }
  }
  return columns(rows, 2);
}

/** One verdict for each pipeline that keeps an account of its own. */
export function verdicts({ laws, arrived, offered }: Account): { text: string; good: boolean }[] {
  return Object.entries(laws).flatMap(([name, law]) => [
    lawVerdict(name, law, offered),
    arrivalVerdict(name, law.final, arrived[name as PipelineName]),
  ]);
}

function lawVerdict(name: string, law: LawReport, offered: number): { text: string; good: boolean } {
  if (law.violation) {
    const text = `${name}: the law did not hold in all of ${count(law.samples)} samples, first here: ${equation(law.violation)}`;
    return { text, good: false };
  }
  if (law.final.offered !== offered) {
    const text = `${name}: ${count(offered)} records were logged but it counts ${count(law.final.offered)} as offered`;
    return { text, good: false };
  }
  const text = `${name}: the law balances, at the end and in each of ${count(law.samples)} samples: ${equation(law.final)}`;
  return { text, good: true };
}

/**
 * Delivery is at least once: an answer that is lost on the way makes a record arrive twice, or arrive and be counted
 * as dropped. Nothing can make a record exported that has not arrived.
 */
function arrivalVerdict(
  name: string,
  final: Balance,
  { ids, stats }: Arrived,
): { text: string; good: boolean } {
  const surplus = ids.size - final.exported;
  const good = surplus >= 0 && surplus <= sumOfCounts(final.dropped);
  const repeats = count(stats.records - ids.size);
  const decoded = `its collector decoded ${count(ids.size)} records (and ${repeats} repeats)`;
  const relation = surplus === 0 ? 'as many as' : good ? 'which agrees with' : 'which contradicts';
  const text = `${name}: ${decoded}, ${relation} the ${count(final.exported)} it counts as exported`;
  return { text, good };
}

function equation({ offered, recovered, exported, dropped, queued, inFlight, spooled }: Balance): string {
  const left = `offered ${count(offered)} + recovered ${count(recovered)}`;
  const losses = sumOfCounts(dropped);
  const right = `exported ${count(exported)} + dropped ${count(losses)} + queued ${count(queued)}`;
  const sign = balances({ offered, recovered, exported, dropped, queued, inFlight, spooled }) ? '=' : '!=';
  return `${left} ${sign} ${right} + in flight ${count(inFlight)} + spooled ${count(spooled)}`;
}

function countArrived(ids: ReadonlyMap<string, number>, { from, to }: SceneResult): number {
  let arrived = 0;
  for (let seq = from; seq < to; seq++) if (ids.has(String(seq))) arrived++;
  return arrived;
}

function deepest(scenes: readonly SceneResult[]): Mark['peaks'] {
  const entries = pipelineNames.map((name) => {
    const depths = scenes.map((scene) => scene.peaks[name]);
    const records = Math.max(...depths.map((depth) => depth.records));
    const bytes = depths.map((depth) => depth.bytes).filter((value) => value !== undefined);
    return [name, bytes.length > 0 ? { records, bytes: Math.max(...bytes) } : { records }];
  });
  return Object.fromEntries(entries) as Mark['peaks'];
}
