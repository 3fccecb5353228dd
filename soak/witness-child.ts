/** The witness in a process of its own, which can be killed: serves until its parent goes away, and obeys it over IPC. */

import type { Condition } from '../src/testing/index.ts';
import { type Ports, serveWitness, type Testimony, type Witness } from './witness.ts';

/** From the parent, one at a time; each is answered with `done`. */
export type Command = { verb: 'start'; ports: Ports } | { verb: 'become'; condition: Condition };

/** To the parent. */
export type Message = { type: 'testimony'; testimony: Testimony } | { type: 'done'; ports: Ports };

let witness: Witness | undefined;

/** Resolves when the message has left this process: from then on SIGKILL cannot unsay it. */
function tell(message: Message): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected || !process.send) return resolve();
    process.send(message, () => resolve());
  });
}

async function obey(command: Command): Promise<void> {
  if (command.verb === 'start') {
    witness = await serveWitness(command.ports, (testimony) => tell({ type: 'testimony', testimony }));
  } else await witness?.become(command.condition);
  await tell({ type: 'done', ports: witness?.ports ?? {} });
}

process.on('message', (command: Command) => void obey(command));
process.on('disconnect', () => process.exit(0));
