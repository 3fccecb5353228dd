#!/usr/bin/env node

/** The command line of the package, which inspects, replays and exports a spool. */

import { unsupportedNode, VERSION } from '../common/package.ts';
import { exportCommand } from './commands/export.ts';
import { listCommand } from './commands/list.ts';
import { replayCommand } from './commands/replay.ts';
import { showCommand } from './commands/show.ts';
import { verifyCommand } from './commands/verify.ts';
import { type Command, usageProblem } from './console/command.ts';
import {
  EXIT,
  type ExitCode,
  endQuietlyOnBrokenPipe,
  problemOf,
  standardOutput,
  tell,
} from './console/output.ts';

const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['list', listCommand],
  ['show', showCommand],
  ['verify', verifyCommand],
  ['replay', replayCommand],
  ['export', exportCommand],
]);

const EXIT_CODES = `Exit codes:
  0   done
  1   done, but the endpoint refused records for good
  2   done, but damage was found
  3   living processes hold what is left
  4   the endpoint does not take records now
  64  wrong usage
  66  there is no spool in this place
  73  the output cannot be written
  77  something cannot be read`;

function usage(): string {
  const commands = Array.from(COMMANDS, ([name, { summary }]) => `  ${name.padEnd(8)}${summary}`);
  return `Usage: otel-spillway spool <command> <directory> [options]

Looks after what the option 'spool' of otel-spillway keeps on disk. All but replay only read.

${commands.join('\n')}

otel-spillway spool <command> --help tells more; --version prints the version.

${EXIT_CODES}`;
}

function usageOf(name: string, { synopsis, details }: Command): string {
  return `Usage: otel-spillway spool ${name} ${synopsis}\n\n${details}`;
}

/** @returns the command to run, or the text to print instead. @throws Problem. */
function understand([group, name, ...rest]: readonly string[]):
  | string
  | { command: Command; args: string[] } {
  if (group === '--version') return VERSION;
  if (asksForHelp(group)) return usage();
  if (group === undefined) throw usageProblem('the command is missing');
  if (group !== 'spool') throw usageProblem(`there is no command '${group}'`);
  if (asksForHelp(name)) return usage();
  if (name === undefined) throw usageProblem('the command is missing');
  const command = COMMANDS.get(name);
  if (command === undefined) throw usageProblem(`there is no command 'spool ${name}'`);
  const end = rest.indexOf('--');
  const options = end < 0 ? rest : rest.slice(0, end);
  return options.some(asksForHelp) ? usageOf(name, command) : { command, args: rest };
}

function asksForHelp(argument: string | undefined): boolean {
  return argument === '--help' || argument === '-h';
}

async function main(args: readonly string[]): Promise<ExitCode> {
  const unsupported = unsupportedNode();
  if (unsupported !== undefined) {
    tell(unsupported.replace('otel-spillway: ', ''));
    return EXIT.usage;
  }
  try {
    const understood = understand(args);
    if (typeof understood === 'string') await standardOutput.line(understood);
    const exitCode =
      typeof understood === 'string'
        ? EXIT.done
        : await understood.command.run(understood.args, standardOutput);
    await standardOutput.flush();
    return exitCode;
  } catch (error) {
    const { exitCode, message } = problemOf(error);
    // Output before the error is worth having.
    if (exitCode !== EXIT.noOutput) await standardOutput.flush().catch(() => {});
    tell(message);
    if (exitCode === EXIT.usage) {
      const command = COMMANDS.get(args[1] ?? '');
      const isKnown = args[0] === 'spool' && command !== undefined;
      process.stderr.write(`\n${isKnown ? usageOf(args[1] as string, command) : usage()}\n`);
    }
    return exitCode;
  }
}

endQuietlyOnBrokenPipe();
process.exitCode = await main(process.argv.slice(2));
