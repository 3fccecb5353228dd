/**
 * Conservation under crashes, for as long as one likes: `npm run soak [-- --seconds 600] [--climate crowd]`, or
 * `SOAK_SEED=… SOAK_ROUNDS=… npm run soak` to play rounds again: the plan is the same then, chance and the
 * machine do the rest. Ends with 1 if a round was violated.
 */

import { parseArgs } from 'node:util';
import { playRound, type RoundResult } from './round.ts';
import { type Climate, planRound } from './round-plan.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '600' }, climate: { type: 'string' } },
});
const { SOAK_SEED, SOAK_ROUNDS } = process.env;
const firstSeed =
  SOAK_SEED === undefined ? Math.floor(Math.random() * 2 ** 31) : Number.parseInt(SOAK_SEED, 10);
const maxRounds = SOAK_ROUNDS === undefined ? Number.POSITIVE_INFINITY : Number.parseInt(SOAK_ROUNDS, 10);
const deadline =
  SOAK_ROUNDS === undefined ? performance.now() + Number(values.seconds) * 1_000 : Number.POSITIVE_INFINITY;

function describe({ plan, lives, ...round }: RoundResult, millis: number): string {
  const { mode, fsync } = plan.spool;
  const endings = Map.groupBy(lives, ({ kind }) => kind);
  return [
    round.violations.length === 0 ? 'ok  ' : 'FAIL',
    `seed ${plan.seed}, ${plan.climate}`,
    `${Math.round(millis / 100) / 10} s`,
    `${plan.slots.length} at once, ${mode}, fsync ${fsync}`,
    `emitted ${round.emitted}, owed ${round.owed}, arrived ${round.arrived}, again ${round.duplicates}, missed ${round.missed}, markers ${round.markers}`,
    `flushes refused ${lives.reduce((sum, { unsafe }) => sum + unsafe.length, 0)}`,
    `longest ending ${Math.round(Math.max(...lives.filter(({ kind }) => kind !== 'drained').map(({ endingMillis }) => endingMillis)))} ms`,
    `drained in ${Math.round(round.drainMillis)} ms`,
    Array.from(endings, ([kind, all]) => `${kind} ${all.length}`).join(', '),
    plan.weather.map(({ fault }) => fault.kind).join(', '),
  ].join(' | ');
}

let failed = 0;
let round = 0;
let processes = 0;
let killed = 0;
let records = 0;
console.log(`first seed ${firstSeed}`);
for (; round < maxRounds && performance.now() < deadline; round++) {
  const startedAt = performance.now();
  const result = await playRound(
    planRound(firstSeed + round, { climate: values.climate as Climate | undefined }),
  );
  console.log(describe(result, performance.now() - startedAt));
  processes += result.lives.length;
  killed += result.lives.filter(({ signal }) => signal === 'SIGKILL').length;
  records += result.emitted;
  if (result.violations.length === 0) continue;
  failed++;
  for (const violation of result.violations) console.log(`     ${violation}`);
  console.log(`     spool directory: ${result.directory}`);
  console.log(
    `     again: SOAK_SEED=${result.plan.seed} SOAK_ROUNDS=1 node soak/main.ts --climate ${result.plan.climate}`,
  );
}
console.log(`${processes} processes, ${killed} of them killed, ${records} records`);
console.log(`${round} rounds, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
