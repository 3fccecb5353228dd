/** The page's server: its files, TypeScript made JavaScript on the way; what is seen, as server-sent events; commands. */
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import { extname, join } from 'node:path';
import { type Command, moods, rates, spoolModes } from '../view.ts';
import type { Stage } from './stage.ts';

const FRAME_MILLIS = 250;
const MAX_COMMAND_BYTES = 1_000;

const folder = join(import.meta.dirname, '..');
const library = (path: string) => join(folder, 'node_modules', path);

/** Nothing else is served. */
const FILES: Record<string, string> = {
  '/': join(folder, 'page/index.html'),
  '/style.css': join(folder, 'page/style.css'),
  '/view.ts': join(folder, 'view.ts'),
  '/server/words.ts': join(folder, 'server/words.ts'),
  '/lib/uplot.js': library('uplot/dist/uPlot.esm.js'),
  '/lib/uplot.css': library('uplot/dist/uPlot.min.css'),
  '/lib/inter.woff2': library('@fontsource-variable/inter/files/inter-latin-wght-normal.woff2'),
};
for (const name of ['main', 'charts', 'kinds', 'strips', 'controls', 'cards', 'theme', 'timeline'])
  FILES[`/page/${name}.ts`] = join(folder, `page/${name}.ts`);

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.ts': 'text/javascript; charset=utf-8',
  '.woff2': 'font/woff2',
};

/** Resolves when it listens, on the loopback interface only. Port 0 is any that is free. */
export function serve(stage: Stage, port: number): Promise<Server> {
  const watchers = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  });
  const frames = setInterval(() => {
    if (watchers.size === 0) return;
    const frame = frameOf(stage);
    for (const watcher of watchers) {
      // A page that is asleep is not sent what it will never show.
      if (watcher.writableLength === 0) watcher.write(frame);
    }
  }, FRAME_MILLIS);
  server.on('close', () => clearInterval(frames));

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = '/'] = (request.url ?? '/').split('?');
    if (!isLocal(request)) return void response.writeHead(403).end('for this machine only');
    if (request.method === 'POST' && path === '/do') return command(request, response);
    if (request.method !== 'GET') return void response.writeHead(405).end();
    if (path === '/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      response.write(frameOf(stage));
      watchers.add(response);
      response.on('close', () => watchers.delete(response));
      return;
    }
    const file = FILES[path];
    if (file === undefined) return void response.writeHead(404).end('there is no such page');
    const type = extname(file);
    const headers = { 'content-type': TYPES[type] ?? 'text/plain', 'cache-control': 'no-cache' };
    const bytes = await readFile(file);
    response.writeHead(200, headers).end(type === '.ts' ? stripTypeScriptTypes(bytes.toString()) : bytes);
  }

  async function command(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) {
      text += chunk;
      if (text.length > MAX_COMMAND_BYTES) return void response.writeHead(413).end();
    }
    const wanted = commandIn(text);
    if (wanted === undefined) return void response.writeHead(400).end('no such command');
    // What it leads to is seen in the events.
    stage.obey(wanted).catch((error: unknown) => console.error(error));
    response.writeHead(202).end();
  }

  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

function frameOf(stage: Stage): string {
  return `data: ${JSON.stringify(stage.view())}\n\n`;
}

/** Other sites that are open in the browser may send requests here, under other names too. */
function isLocal({ headers }: IncomingMessage): boolean {
  const isHere = /^(localhost|127\.0\.0\.1)(:\d+)?$/.test(headers.host ?? '');
  const { origin } = headers;
  return isHere && (origin === undefined || origin === `http://${headers.host}`);
}

function commandIn(text: string): Command | undefined {
  let command: Command | null;
  try {
    command = JSON.parse(text);
  } catch {
    return undefined;
  }
  switch (command?.do) {
    case 'mood':
      return moods.includes(command.mood) ? command : undefined;
    case 'rate':
      return (rates as readonly number[]).includes(command.rate) ? command : undefined;
    case 'spool':
      return spoolModes.includes(command.mode) ? command : undefined;
    case 'outage':
    case 'burst':
    case 'deploy':
    case 'kill':
    case 'afresh':
      return command;
    default:
      return undefined;
  }
}
