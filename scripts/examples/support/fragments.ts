/** Snippets that are parts of programs: they are not run, but what they call exists and takes what they give it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const FENCE = /```(js|ts)\n(.*?)```/gs;
const IS_WHOLE_FILE = /^\/\/ \S+\.[cm]?js\n/;
/** Options by themselves. */
const OPTIONS = /^(\{ .*? \})( \/\/.*)?$/gm;

/** What pages take for granted. */
const GLOBALS = `
declare const { SpillwayLogRecordProcessor, shutdownOnSignals }: typeof import('otel-spillway');
declare const { TestCollector }: typeof import('otel-spillway/testing');
declare const { LoggerProvider }: typeof import('@opentelemetry/sdk-logs');
declare const { OTLPLogExporter }: typeof import('@opentelemetry/exporter-logs-otlp-proto');
declare const { NodeSDK }: typeof import('@opentelemetry/sdk-node');
declare const { expect, onTestFinished, test }: typeof import('vitest');
declare const { spawn }: typeof import('node:child_process');
declare const { once }: typeof import('node:events');
declare const { mkdtempSync }: typeof import('node:fs');
declare const { tmpdir }: typeof import('node:os');
declare const { join }: typeof import('node:path');
declare const { createInterface }: typeof import('node:readline');
declare const { setTimeout: sleep }: typeof import('node:timers/promises');
declare const directory: string;
declare const logger: { info(message: string): void };
declare const processor: import('otel-spillway').SpillwayLogRecordProcessor;
declare const provider: import('@opentelemetry/sdk-logs').LoggerProvider;
declare const server: import('node:http').Server;
declare const store: (event: unknown) => Promise<unknown>;
declare module 'next/server' {
  export function after(work: () => Promise<unknown>): void;
}
`;

/** The packages that they are part of programs with. */
export const FRAGMENT_PACKAGES = [
  '@opentelemetry/api',
  '@opentelemetry/exporter-logs-otlp-proto',
  '@opentelemetry/sdk-logs',
  '@opentelemetry/sdk-node',
  'otel-spillway',
  'pino',
  'vitest',
];

/** Writes each into a file of its own, named after its page. @returns how many. */
export async function writeFragments(directory: string, pages: ReadonlyMap<string, string>): Promise<number> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'globals.d.ts'), GLOBALS);
  let count = 0;
  for (const [page, text] of pages) {
    for (const [, language = '', code = ''] of text.matchAll(FENCE)) {
      if (IS_WHOLE_FILE.test(code)) continue;
      const extension = `${code.includes('require(') ? 'c' : 'm'}${language}`;
      const typed = code.replaceAll(OPTIONS, "void ($1 satisfies import('otel-spillway').SpillwayOptions);");
      // Else what one of them declares would be there for all.
      const module = extension === 'cjs' ? typed : `${typed}\nexport {};\n`;
      await writeFile(join(directory, `${page.replaceAll('/', '-')}-${++count}.${extension}`), module);
    }
  }
  return count;
}
