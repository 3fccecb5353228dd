/**
 * Snippets that are whole programs, taken out of a page section by section: files (their first line is their name), a
 * line of `npm install`, and a command line. What has to arrive, and no other body of the same words, stands in comments:
 * `<!-- arrives: order stored -->`, `<!-- arrives: order stored {"order":4711} -->` with attributes of record or resource.
 */
import assert from 'node:assert/strict';
import { bySigterm, type Check } from './play.ts';

export interface Program {
  readonly heading: string;
  readonly files: ReadonlyMap<string, string>;
  readonly dependencies: readonly string[];
  /** Arguments of `node`. */
  readonly args: string[];
  readonly env: Record<string, string>;
  readonly check: Check;
}

interface Owed {
  readonly body: string;
  readonly attributes: Record<string, unknown>;
}

const FENCE = /```(\w+)\n(.*?)```/gs;
/** What a shell would read as one line. */
const CONTINUED = /\s*\\\n\s*/g;

export function programsOf(page: string): Program[] {
  const programs: Program[] = [];
  let dependencies: string[] = [];
  let inherited: ReadonlyMap<string, string> = new Map();
  for (const section of page.split(/^(?=##+ )/m)) {
    const heading = /^##+ (.*)/.exec(section)?.[1] ?? 'the beginning';
    const isSubsection = section.startsWith('###');
    const files = new Map(isSubsection ? inherited : []);
    if (!isSubsection) inherited = files;
    const lines: string[] = [];
    for (const [, language = '', code = ''] of section.matchAll(FENCE)) {
      const name = /^\/\/ (\S+\.[cm]?js)\n/.exec(code)?.[1];
      if (name !== undefined) files.set(name, code);
      if (language === 'sh') lines.push(...code.replaceAll(CONTINUED, ' ').split('\n'));
    }
    // A section without one of its own is of the installation above.
    const install = lines.map((line) => /\bnpm install (.*)/.exec(line)?.[1]).find(Boolean);
    if (install !== undefined) dependencies = install.split(' ').filter(Boolean).map(packageOf);
    const command = lines.map((line) => /^((?:\w+=\S+ )*)node (.*)/.exec(line)).find(Boolean);
    const manifest = section.matchAll(/- \{ name: ([A-Z_]+), value: ["']?(.*?)["']? \}/g);
    const owed = [...section.matchAll(/<!-- arrives: (.*?)(?: (\{.*\}))? -->/g)].map(
      ([, body = '', attributes = '{}']): Owed => ({ body, attributes: JSON.parse(attributes) }),
    );
    if (owed.length === 0) continue;
    assert.ok(command, `${heading}: no command line`);
    const paths = lines.flatMap((line) => /^curl localhost:8080(\/\S*)/.exec(line)?.[1] ?? []);
    programs.push({
      heading,
      files,
      dependencies,
      args: (command[2] ?? '').split(' '),
      env: Object.fromEntries([
        ...(command[1] ?? '').split(' ').filter(Boolean).map(variable),
        ...Array.from(manifest, ([, name = '', value = '']) => [name, writable(value)]),
      ]),
      check: arrive(owed, paths),
    });
  }
  return programs;
}

/** A tarball of this package stands for it. */
function packageOf(word: string): string {
  return word.includes('otel-spillway') ? 'otel-spillway' : word.replace(/(?<=.)@.*/, '');
}

/** What is a volume in production is a folder beside the program. */
function writable(value: string): string {
  return value.replace(/^\/var\//, './');
}

function variable(assignment: string): [string, string] {
  const [name = '', value = ''] = assignment.split('=');
  return [name, writable(value)];
}

/** A program that is asked for something is a service, and ends by a signal; another one ends by itself. */
function arrive(owed: readonly Owed[], paths: readonly string[]): Check {
  return async (start, collector) => {
    const running = await start();
    for (const path of paths) assert.equal((await running.get(path)).status, 200, path);
    const end = await (paths.length === 0 ? running.end() : running.terminate());
    // A service may have its own way to end when it is told to.
    if (paths.length === 0 || end.signal === null) assert.deepEqual(end, { code: 0, signal: null });
    else assert.deepEqual(end, bySigterm);
    const arrived = collector.records.map(({ body, attributes, resource }) => ({
      body,
      attributes: { ...resource, ...attributes },
    }));
    const about = (message: string) => `${message} among\n${JSON.stringify(arrived, undefined, 2)}`;
    for (const { body, attributes } of owed) {
      const index = arrived.findIndex((record) => isLike(record, body, attributes));
      assert.notEqual(index, -1, about(`"${body}" with ${JSON.stringify(attributes)} is not`));
      arrived.splice(index, 1);
    }
    const twice = arrived.find((record) => owed.some(({ body }) => body === record.body));
    assert.equal(twice, undefined, about(`"${twice?.body}" is once more`));
  };
}

function isLike(
  record: { body: unknown; attributes: Record<string, unknown> },
  body: string,
  attributes: Record<string, unknown>,
): boolean {
  return (
    record.body === body &&
    Object.entries(attributes).every(([name, value]) => record.attributes[name] === value)
  );
}
