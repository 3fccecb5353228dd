/** When `register` sets up nothing, and what it says then. */

import { types } from 'node:util';
import { logs } from '@opentelemetry/api';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { expect, onTestFinished, test, vi } from 'vitest';
import { start } from '../../src/register/start.ts';

/** Starts with an environment, and with a package that cannot be loaded. @returns the warnings of the process. */
function startWith(env: Record<string, string>) {
  const said: string[] = [];
  const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation((message) => {
    said.push(String(message));
  });
  const load = vi.fn(() => {
    throw new Error('no such\nmodule');
  });
  const { OTEL_LOGS_EXPORTER: _, OTEL_SDK_DISABLED: __, ...rest } = process.env;
  const environment = vi.spyOn(process, 'env', 'get');
  environment.mockReturnValue(types.isProxy(env) ? env : { ...rest, ...env });
  onTestFinished(() => {
    environment.mockRestore();
    emitWarning.mockRestore();
  });
  start(load, import.meta.url);
  environment.mockRestore();
  return { said, wasLoaded: load.mock.calls.length > 0 };
}

test.each([
  ['OTEL_SDK_DISABLED', 'True'],
  ['OTEL_LOGS_EXPORTER', 'none'],
  ['OTEL_SPILLWAY_LOGS_EXPORTER', 'none'],
])('nothing is done, silently, with %s=%s', (name, value) => {
  expect(startWith({ [name]: value })).toEqual({ said: [], wasLoaded: false });
});

test('another exporter than OTLP is left alone, with a word on what to do', () => {
  const { said, wasLoaded } = startWith({ OTEL_LOGS_EXPORTER: 'console' });
  expect(wasLoaded).toBe(false);
  expect(said).toEqual([expect.stringMatching(/OTEL_LOGS_EXPORTER asks for console: .* in code$/)]);
});

test('OTEL_SPILLWAY_LOGS_EXPORTER wins over the variable that is for all SDKs', () => {
  const { wasLoaded } = startWith({ OTEL_LOGS_EXPORTER: 'none', OTEL_SPILLWAY_LOGS_EXPORTER: 'otlp' });
  expect(wasLoaded).toBe(true);
});

test('another provider that is registered is left alone, with a word on what to do', () => {
  logs.setGlobalLoggerProvider(new LoggerProvider());
  onTestFinished(() => logs.disable());
  const { said, wasLoaded } = startWith({});
  expect(wasLoaded).toBe(false);
  expect(said).toEqual([
    expect.stringMatching(/is registered already.*let otel-spillway\/register come first/),
  ]);
});

test('a working directory that was removed keeps nothing from being set up', () => {
  const cwd = vi.spyOn(process, 'cwd').mockImplementation(() => {
    throw Object.assign(new Error('uv_cwd'), { code: 'ENOENT' });
  });
  onTestFinished(() => cwd.mockRestore());
  expect(startWith({}).wasLoaded).toBe(true);
});

test('an environment that throws is none', () => {
  const throwing = new Proxy(
    {},
    {
      ownKeys: () => {
        throw new Error('no environment');
      },
    },
  );
  expect(startWith(throwing).said).toEqual([
    'otel-spillway: register: no logs are collected: no such module',
  ]);
});

test('what fails is said in one line and stops nothing', () => {
  expect(startWith({}).said).toEqual(['otel-spillway: register: no logs are collected: no such module']);
});
