/** Resolves options and environment of the OTLP exporter, once, into the configuration of its transport. */

import { VERSION } from '../common/package.ts';
import {
  choiceOption,
  type Environment,
  INT32_MAX,
  invalid,
  numberOption,
  warn,
  warnOfUnknownOptions,
} from '../common/validation.ts';
import { fromOtlpVariables, otlpVariables } from './environment.ts';
import { type HeaderProvider, isHeaderValue, resolveHeaders } from './headers.ts';
import type { OtlpLogExporterOptions } from './options.ts';
import { type HttpProxy, proxyFor } from './proxy.ts';
import { resolveTls, type TlsSource } from './tls.ts';

const DEFAULT_URL = 'http://localhost:4318/v1/logs';
const LOGS_PATH = 'v1/logs';
const PROTOCOL = 'http/protobuf';
const COMPRESSIONS = ['none', 'gzip'] as const;
const DEFAULT_TIMEOUT_MILLIS = 10_000;
/** Both limits are those that the OTLP specification recommends. */
const DEFAULT_MAX_REQUEST_BYTES = 64 * 1024 * 1024;
const DEFAULT_MAX_RESPONSE_BYTES = 4 * 1024 * 1024;
const MAX_MAX_RESPONSE_BYTES = 1024 ** 3;
const USER_AGENT = `otel-spillway-JavaScript/${VERSION}`;

export interface OtlpConfig {
  readonly url: URL;
  /** Called for each request; it may throw, reject or hang. */
  readonly headers: HeaderProvider;
  readonly compression: (typeof COMPRESSIONS)[number];
  /** Infinity for no limit. */
  readonly timeoutMillis: number;
  /** Limit for a request body before compression. */
  readonly maxRequestBytes: number;
  readonly concurrencyLimit: number;
  readonly maxResponseBytes: number;
  readonly demandsOtlp: boolean;
  readonly userAgent: string;
  readonly tls: TlsSource;
  readonly proxy: HttpProxy | undefined;
}

/** A name that is forgotten here is an error of types. */
const OPTION_NAMES = {
  url: true,
  headers: true,
  compression: true,
  timeoutMillis: true,
  maxRequestBytes: true,
  maxResponseBytes: true,
  concurrencyLimit: true,
  demandsOtlp: true,
  userAgent: true,
  tls: true,
  meterProvider: true,
  selfObsMeterProvider: true,
} satisfies Record<keyof OtlpLogExporterOptions, true>;

/** @throws SpillwayError `ERR_SPILLWAY_OPTION` for the first option that is of the wrong type or out of range. */
export function resolveOtlpConfig(options: OtlpLogExporterOptions, env: Environment): OtlpConfig {
  if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options);
  warnOfUnknownOptions(options, OPTION_NAMES);
  warnOfOtherProtocol(env);
  const url = urlOption(options.url) ?? urlFromEnvironment(env) ?? new URL(DEFAULT_URL);
  return Object.freeze({
    url,
    headers: resolveHeaders(options.headers, env, url),
    compression: choiceOption(
      options.compression,
      'compression',
      COMPRESSIONS,
      compressionFromEnvironment(env),
    ),
    timeoutMillis: timeoutOption(options.timeoutMillis) ?? timeoutFromEnvironment(env),
    maxRequestBytes: numberOption(options.maxRequestBytes, 'maxRequestBytes', {
      min: 1024,
      max: INT32_MAX,
      default: DEFAULT_MAX_REQUEST_BYTES,
    }),
    concurrencyLimit: numberOption(options.concurrencyLimit, 'concurrencyLimit', {
      min: 1,
      max: 1_000,
      default: 16,
    }),
    maxResponseBytes: numberOption(options.maxResponseBytes, 'maxResponseBytes', {
      min: 1_024,
      max: MAX_MAX_RESPONSE_BYTES,
      default: DEFAULT_MAX_RESPONSE_BYTES,
    }),
    demandsOtlp: options.demandsOtlp === true,
    userAgent: userAgentOf(options.userAgent),
    tls: resolveTls(options.tls, env, url),
    proxy: proxyFor(url, env),
  });
}

function urlOption(value: unknown): URL | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw invalid('url', 'a string', value);
  const url = httpUrl(value);
  if (url === undefined) throw invalid('url', 'an http: or https: URL', withoutSecrets(value));
  return url;
}

/** Works on any text: the value could not be parsed as a URL. */
function withoutSecrets(url: string): string {
  return url.replace(/^.*@/s, '…@').replace(/\?.*$/s, '?…');
}

function urlFromEnvironment(env: Environment): URL | undefined {
  return fromOtlpVariables(env, 'ENDPOINT', 'an http: or https: URL', ({ value, isForLogs }) => {
    const url = httpUrl(value);
    if (url !== undefined && !isForLogs) {
      // The query stays: a gateway may need it.
      url.pathname += url.pathname.endsWith('/') ? LOGS_PATH : `/${LOGS_PATH}`;
      url.hash = '';
    }
    return url;
  });
}

function httpUrl(text: string): URL | undefined {
  const url = URL.parse(text);
  return url !== null && ['http:', 'https:'].includes(url.protocol) ? url : undefined;
}

function compressionFromEnvironment(env: Environment): OtlpConfig['compression'] {
  const parse = ({ value }: { value: string }) =>
    COMPRESSIONS.find((compression) => compression === value.toLowerCase());
  return fromOtlpVariables(env, 'COMPRESSION', `'none' or 'gzip'`, parse) ?? 'none';
}

function timeoutOption(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  return orNoLimit(numberOption(value, 'timeoutMillis', { min: 0, max: INT32_MAX, default: 0 }));
}

/** Accepts every number that JavaScript parses, as the official exporters do. */
function timeoutFromEnvironment(env: Environment): number {
  const timeoutMillis = fromOtlpVariables(env, 'TIMEOUT', 'a number, 0 or greater', ({ value }) => {
    const number = Number(value);
    return Number.isFinite(number) && number >= 0 ? number : undefined;
  });
  return timeoutMillis === undefined ? DEFAULT_TIMEOUT_MILLIS : orNoLimit(Math.min(timeoutMillis, INT32_MAX));
}

/** 0 means no limit (specification, "Environment variables", timeouts). */
function orNoLimit(timeoutMillis: number): number {
  return timeoutMillis === 0 ? Number.POSITIVE_INFINITY : Math.max(timeoutMillis, 1);
}

function userAgentOf(value: unknown): string {
  if (value === undefined || value === '') return USER_AGENT;
  if (!isHeaderValue(value)) throw invalid('userAgent', 'a string that can be sent in a header', value);
  return `${value} ${USER_AGENT}`;
}

function warnOfOtherProtocol(env: Environment): void {
  const variable = otlpVariables(env, 'PROTOCOL')[0];
  if (variable === undefined || variable.value.toLowerCase() === PROTOCOL) return;
  warn(
    `environment variable ${variable.name} asks for '${variable.value}', but this exporter speaks ${PROTOCOL} only`,
  );
}
