/** The collector's child process: serves until its parent goes away, obeys it and reports to it over IPC. */
import type { Behaviour, CollectorOptions, Report, ScriptEntry } from './protocol.ts';
import { type LogsServer, serveLogs } from './server.ts';

/** From the parent; every command is answered with `done` and its number. */
export type Command =
  | { number: number; verb: 'start'; options: CollectorOptions }
  | { number: number; verb: 'behave'; behaviour: Behaviour }
  | { number: number; verb: 'script'; entries: readonly ScriptEntry[] }
  | { number: number; verb: 'refuse' }
  | { number: number; verb: 'listen' };

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
    return;
  }
  if (!server) throw new Error('not started');
  if (command.verb === 'behave') server.behave(command.behaviour);
  else if (command.verb === 'script') server.script(command.entries);
  else if (command.verb === 'refuse') await server.refuse();
  else await server.listen();
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
process.on('disconnect', () => process.exit(0));
// A terminal sends its interrupt to the whole group; the parent decides when its collectors end.
process.on('SIGINT', () => {});
