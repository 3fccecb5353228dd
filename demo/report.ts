/** What the demo says at its end: the table by scene and whether the accounts agree, from what the collectors decoded. */

import type { Account as CollectorAccount } from '../src/testing/index.ts';
import { balances, sumOfCounts } from './balance.ts';
import { deeper, type LawReport, leftIn, missingIn, type Peak, total } from './books.ts';
import { byteSize, columns, count } from './format.ts';
import { type Balance, type PerPipeline, type PipelineName, perPipeline, pipelineNames } from './messages.ts';

/** Records with `from <= seq < to` were logged in this scene. */
export interface SceneResult {
  name: string;
  from: number;
  to: number;
  peaks: PerPipeline<Peak>;
}

/** What the collector of one pipeline has to show for. */
interface Arrived {
  ids: ReadonlyMap<string, number>;
  account: CollectorAccount;
}

export interface Account {
  scenes: readonly SceneResult[];
  arrived: PerPipeline<Arrived>;
  laws: Partial<PerPipeline<LawReport>>;
  offered: number;
  recordBytes: number;
}

/** What a narrow terminal has no room for comes last, and is left out there. */
const COLUMNS = ['scene', 'pipeline', 'offered', 'delivered', 'lost', '', 'peak queue', 'bytes', 'on disk'];

/** As many columns as `width` has room for. */
export function table({ scenes, arrived, offered, recordBytes }: Account, width: number): string[] {
  const rows = [COLUMNS];
  const all: SceneResult = { name: 'all', from: 0, to: offered, peaks: deepest(scenes) };
  for (const scene of [...scenes, all]) {
    for (const name of pipelineNames) {
      const { records, bytes, onDiskBytes } = scene.peaks[name];
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
        onDiskBytes === undefined ? '-' : byteSize(onDiskBytes),
      ]);
    }
  }
  for (let length = COLUMNS.length; ; length--) {
    const lines = columns(
      rows.map((row) => row.slice(0, length)),
      2,
    );
    if (length === 6 || lines.every((line) => line.length <= width)) return lines;
  }
}

interface Verdict {
  text: string;
  good: boolean;
}

/** What is said of each pipeline that keeps an account of its own. */
export function verdicts({ laws, arrived, offered }: Account): Verdict[] {
  return Object.entries(laws).flatMap(([name, law]) => [
    lawVerdict(name, law, offered),
    spoolVerdict(name, law),
    arrivalVerdict(name, law, arrived[name as PipelineName]),
    lossVerdict(name, arrived[name as PipelineName], offered),
  ]);
}

/** Every scene is such that nothing has to be lost. */
function lossVerdict(name: string, { ids }: Arrived, offered: number): Verdict {
  const lost = offered - countArrived(ids, { from: 0, to: offered });
  const what = lost === 0 ? 'no record' : `${count(lost)} of ${count(offered)} records`;
  return { text: `${name}: ${what} lost in all scenes`, good: lost === 0 };
}

function lawVerdict(name: string, { samples, violation, lives }: LawReport, offered: number): Verdict {
  if (violation) {
    const text = `${name}: the law did not hold in all of ${count(samples)} samples, first here: ${equation(violation)}`;
    return { text, good: false };
  }
  const sum = total(lives);
  // After losses it logs how many, in a record of its own: at most one for each.
  const ownRecords = sum.offered - offered;
  if (ownRecords < 0 || ownRecords > sumOfCounts(sum.dropped)) {
    const text = `${name}: ${count(offered)} records were logged but it counts ${count(sum.offered)} as offered`;
    return { text, good: false };
  }
  const processes = `${count(samples)} samples of ${lives.length} processes`;
  const text = `${name}: the law balances in each of ${processes}. All of them: ${equation(sum)}`;
  return { text, good: true };
}

function spoolVerdict(name: string, law: LawReport): Verdict {
  const left = count(leftIn(law.lives));
  const missing = missingIn(law);
  const found = missing === 0 ? 'as many' : `${count(Math.abs(missing))} ${missing > 0 ? 'less' : 'more'}`;
  const text = `${name}: its processes had ${left} records left when they were killed or crashed, and the next ones found ${found} on disk`;
  return { text, good: missing === 0 };
}

/**
 * Delivery is at least once: an answer that is lost on the way makes a record arrive twice, or arrive and be counted
 * as dropped. Nothing can make a record exported that has not arrived.
 */
function arrivalVerdict(name: string, { lives }: LawReport, { ids, account }: Arrived): Verdict {
  const { exported, dropped } = total(lives);
  const { different, ownRecords } = countIds(ids);
  const surplus = different + ownRecords - exported;
  const good = surplus >= 0 && surplus <= sumOfCounts(dropped);
  const repeats = count(account.records - different - ownRecords);
  const decoded = `its collector decoded ${count(different + ownRecords)} records (and ${repeats} repeats)`;
  const relation = surplus === 0 ? 'as many as' : good ? 'which agrees with' : 'which contradicts';
  const text = `${name}: ${decoded}, ${relation} the ${count(exported)} it counts as exported`;
  return { text, good };
}

/** What a processor says of its losses has no number. */
function countIds(ids: ReadonlyMap<string, number>): { different: number; ownRecords: number } {
  let ownRecords = 0;
  let different = 0;
  for (const [id, times] of ids) {
    if (/^\d+$/.test(id)) different++;
    else ownRecords += times;
  }
  return { different, ownRecords };
}

/** Of one process, or of several of which each has found what the one before had left. */
function equation(balance: Balance): string {
  const { offered, recovered, exported, dropped, queued, inFlight, spooled } = balance;
  const left = `offered ${count(offered)}${recovered > 0 ? ` + recovered ${count(recovered)}` : ''}`;
  const right = `exported ${count(exported)} + dropped ${count(sumOfCounts(dropped))} + queued ${count(queued)}`;
  const sign = balances(balance) ? '=' : '!=';
  return `${left} ${sign} ${right} + in flight ${count(inFlight)} + spooled ${count(spooled)}`;
}

function countArrived(
  ids: ReadonlyMap<string, number>,
  { from, to }: Pick<SceneResult, 'from' | 'to'>,
): number {
  let arrived = 0;
  for (let seq = from; seq < to; seq++) if (ids.has(String(seq))) arrived++;
  return arrived;
}

function deepest(scenes: readonly SceneResult[]): PerPipeline<Peak> {
  return perPipeline((name) => scenes.map((scene) => scene.peaks[name]).reduce(deeper));
}

/** The demo in one sentence: what was lost, and what was not. */
export function conclusion({ arrived, offered }: Account): string {
  const lost = perPipeline((name) => offered - countArrived(arrived[name].ids, { from: 0, to: offered }));
  const share = ((100 * lost.stock) / Math.max(offered, 1)).toFixed(1);
  const ours = lost.spillway + lost['spillway-otlp'];
  const spillway =
    ours === 0
      ? 'otel-spillway lost none, neither with the official exporter nor with its own'
      : `otel-spillway lost ${count(lost.spillway)} with the official exporter and ${count(lost['spillway-otlp'])} with its own`;
  const stock = lost.stock === 0 ? 'none' : `${count(lost.stock)} (${share} %)`;
  return `Of ${count(offered)} log records BatchLogRecordProcessor lost ${stock}; ${spillway}.`;
}
