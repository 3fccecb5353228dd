/** What is said of records that are lost because their process ends: one line on stderr, unless a diag logger has it. */

import { expect, test } from 'vitest';
import { childEnv } from '../support/child-coverage.ts';
import { ChildRun } from '../support/child-run.ts';

const LOSS = /\[OTEL_SPILLWAY_LOSS\] Warning: otel-spillway: 7 log records were lost: not delivered when/g;

const endOf = (scenario: string, env = childEnv()) => new ChildRun('losing', scenario, '', env).end;

test.each([
  ['is shut down', { code: 0 }],
  ['is asked to end by a signal', { signal: 'SIGTERM' }],
  ['is ended by another listener', { code: 143 }],
  ['logs while it exits', { code: 0 }],
])('a process that %s says once how many records that cost', async (scenario, how) => {
  const end = await endOf(scenario);
  expect(end).toMatchObject(how);
  expect(end.printed.match(LOSS)).toHaveLength(1);
});

test.each(['is shut down', 'is asked to end by a signal', 'is ended by another listener'])(
  'a process that %s says nothing where users have silenced the warning',
  async (scenario) => {
    const env = { ...childEnv(), NODE_OPTIONS: '--disable-warning=OTEL_SPILLWAY_LOSS' };
    expect((await endOf(scenario, env)).printed).toBe('');
  },
);

test.each(['is shut down with a diag logger', 'exits with a diag logger'])(
  'a process that %s reports the loss there and nowhere else',
  async (scenario) => {
    const { printed } = await endOf(scenario);
    expect(printed).toMatch(/log records: shutdown 7/);
    expect(printed).not.toContain('OTEL_SPILLWAY_LOSS');
  },
);

test('a process that loses nothing says nothing', async () => {
  expect(await endOf('loses nothing')).toMatchObject({ code: 0, printed: '' });
});

test.each([
  ['is ended by another listener', 'offered 7, lost 7, shutdown 7'],
  ['logs while it exits', 'offered 9, lost 9, shutdown 9'],
  // The record that was being read, too.
  ['exits in a getter of a record', 'offered 8, lost 8, shutdown 8'],
])('the law holds at the exit of a process that %s', async (scenario, accounts) => {
  const { reports } = await endOf(scenario);
  expect(reports).toEqual(expect.arrayContaining([accounts, 'law off by 0']));
});
