/** While a collector refuses connections, nobody else is given its port. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { ownPort } from '../../src/testing/own-port.ts';

const MODULE = new URL('../../src/testing/own-port.ts', import.meta.url);
/** From here on systems choose for those who ask for any port. */
const FIRST_CHOSEN_BY_SYSTEMS = 32_768;

test('the ports of a process are different for a long time, and none that a system would choose', async () => {
  const ports: number[] = [];
  for (let count = 0; count < 150; count++) ports.push(await ownPort());
  expect(new Set(ports).size).toBe(150);
  expect(Math.max(...ports)).toBeLessThan(FIRST_CHOSEN_BY_SYSTEMS);
});

test('processes that run at the same time have different ports, and none is kept alive by them', async () => {
  const script = `const { ownPort } = await import('${MODULE}');
    const ports = [];
    for (let count = 0; count < 199; count++) ports.push(await ownPort());
    console.log(JSON.stringify(ports));
    process.stdin.resume();`;
  const children = [0, 1, 2].map(() => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    return child;
  });
  const printed = await Promise.all(
    children.map(async ({ stdout }) => (await once(createInterface({ input: stdout }), 'line'))[0]),
  );
  const ports = [await ownPort(), ...printed.flatMap((line) => JSON.parse(line) as number[])];
  expect(new Set(ports).size).toBe(ports.length);
  const ends = children.map((child) => once(child, 'exit'));
  for (const { stdin } of children) stdin.end();
  expect(await Promise.all(ends)).toEqual([
    [0, null],
    [0, null],
    [0, null],
  ]);
});
