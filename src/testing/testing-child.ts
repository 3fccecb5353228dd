/** The collector's child process: serves until its parent goes away, obeys it and reports to it over IPC. */

import type { Condition, ScriptedReply } from './behaviour.ts';
import type { Report } from './received.ts';
import { type LogsServer, type LogsServerOptions, serveLogs } from './server.ts';

/** From the parent; every command is answered with `done` and its number. */
export type Command =
  | { number: number; verb: 'start'; options: LogsServerOptions }
  | { number: number; verb: 'become'; condition: Condition }
  | { number: number; verb: 'script'; replies: readonly ScriptedReply[] };

/** To the parent. */
export type Message =
  | { type: 'report'; report: Report }
  | { type: 'done'; number: number; port: number; error?: string };

let server: LogsServer | undefined;

/** Resolves when the message has left this process: from then on SIGKILL cannot unsay it. */
function tell(message: Message): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected || !process.send) return resolve();
    process.send(message, () => resolve());
  });
}

async function obey(command: Command): Promise<void> {
  if (command.verb === 'start') {
    server = await serveLogs(command.options, (report) => tell({ type: 'report', report }));
  } else if (server === undefined) throw new Error('not started');
  else if (command.verb === 'become') await server.become(command.condition);
  else server.script(command.replies);
}

process.on('message', async (command: Command) => {
  let error: string | undefined;
  await obey(command).catch((reason: unknown) => {
    error = String(reason);
  });
  await tell({
    type: 'done',
    number: command.number,
    port: server?.port ?? 0,
    ...(error === undefined ? {} : { error }),
  });
});
process.on('disconnect', async () => {
  await server?.stop();
  process.exit(0);
});
// A terminal sends its interrupt to the whole group; the parent decides when its collectors end.
process.on('SIGINT', () => {});
