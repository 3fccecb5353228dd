/** User-defined headers of a request: from the URL, the environment, an object or a function. */

import { messageOf, SpillwayError } from '../common/errors.ts';
import { type Environment, warn } from '../common/validation.ts';
import { otlpVariables } from './environment.ts';
import type { OtlpLogExporterOptions } from './options.ts';
import { readable } from './response-body.ts';

/** By lower-case name. */
type Headers = Readonly<Record<string, string>>;
export type HeaderProvider = () => Headers | Promise<Headers>;

/** Set by the transport itself: they describe body and connection, so any other value would be wrong. */
const TRANSPORT_HEADERS = new Set(
  [
    'content-type content-encoding content-length transfer-encoding user-agent connection keep-alive',
    'proxy-connection proxy-authorization upgrade expect te trailer',
  ].flatMap((line) => line.split(' ')),
);

// RFC 9110, sections 5.1 and 5.5. Node has functions for both, but an import of node:http loads its `fetch` as well.
const NAME = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Characters of a header name in messages: a name may be any text. */
const MAX_NAME_LENGTH = 100;

/** @throws SpillwayError `ERR_SPILLWAY_OPTION`. The provider itself fails only if `option` is a function that does. */
export function resolveHeaders(
  option: OtlpLogExporterOptions['headers'],
  env: Environment,
  url: URL,
): HeaderProvider {
  const base = { ...credentialsOf(url), ...headersFromEnvironment(env) };
  if (typeof option === 'function') {
    return async () => ({ ...base, ...checked(await called(option), refuseFromFunction, ignoreSilently) });
  }
  if (option !== undefined && (typeof option !== 'object' || option === null || Array.isArray(option))) {
    throw refusedOption('must be an object or a function');
  }
  const headers: Headers = Object.freeze({
    ...base,
    ...checked(option ?? {}, refuseInOption, (name) => warnIgnored(`option 'headers'`, name)),
  });
  return () => headers;
}

/** Credentials in a URL become Basic authentication, as in Node's http client. */
function credentialsOf(url: URL): Headers {
  if (url.username === '' && url.password === '') return {};
  return { authorization: basicAuthorization(url) };
}

export function basicAuthorization({ username, password }: URL): string {
  const credentials = [username, password].map((text) => decoded(text) ?? text).join(':');
  return `Basic ${Buffer.from(credentials).toString('base64')}`;
}

/** As the header `baggage`, without metadata (specification, "Specifying headers via environment variables"). */
function headersFromEnvironment(env: Environment): Headers {
  const headers: Record<string, string> = {};
  for (const { name, value } of otlpVariables(env, 'HEADERS').reverse()) {
    const where = `environment variable ${name}`;
    const ignore = (header: string) => warnIgnored(where, header);
    const { pairs, unreadable } = pairsOf(value);
    if (unreadable.length > 0) {
      warn(
        `${where} must be a list of name=value, percent-encoded; ignored: number ${unreadable.join(', ')} of it`,
      );
    }
    Object.assign(headers, checked(pairs, ignore, ignore));
  }
  return headers;
}

/** @returns positions, counted from 1, of unreadable members: their content may be a misplaced secret. */
function pairsOf(list: string): { pairs: Record<string, string>; unreadable: number[] } {
  const pairs: Record<string, string> = {};
  const unreadable: number[] = [];
  for (const [index, member] of list.split(',').entries()) {
    if (member.trim() === '') continue;
    const [pair = ''] = member.split(';', 1);
    const equals = pair.indexOf('=');
    const key = decoded(pair.slice(0, Math.max(0, equals)).trim());
    const value = decoded(pair.slice(equals + 1).trim());
    if (key === undefined || value === undefined || !NAME.test(key)) unreadable.push(index + 1);
    else if (value !== '') pairs[key] = value;
  }
  return { pairs, unreadable };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Calls `refuse` for invalid names and values, and `ignore` for headers of the transport itself. */
function checked(
  headers: Record<string, unknown>,
  refuse: (name: string) => void,
  ignore: (name: string) => void,
): Headers {
  const valid: [string, string][] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    const lowerCase = name.toLowerCase();
    const text = typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
    if (TRANSPORT_HEADERS.has(lowerCase)) ignore(name);
    else if (isHeader(lowerCase, text)) valid.push([lowerCase, text]);
    else refuse(name);
  }
  return Object.fromEntries(valid);
}

function isHeader(name: string, value: unknown): value is string {
  return NAME.test(name) && isHeaderValue(value);
}

export function isHeaderValue(value: unknown): value is string {
  return typeof value === 'string' && VALUE.test(value);
}

async function called(
  provider: Extract<OtlpLogExporterOptions['headers'], () => unknown>,
): Promise<Record<string, unknown>> {
  let headers: unknown;
  try {
    headers = await provider();
  } catch (cause) {
    throw new Error(`the function given as option 'headers' failed: ${messageOf(cause)}`, { cause });
  }
  if (typeof headers === 'object' && headers !== null) return headers as Record<string, unknown>;
  throw new Error(`the function given as option 'headers' gave no object`);
}

// Messages about headers contain names only: values may be credentials.

function refuseInOption(name: string): never {
  throw refusedOption(`must hold headers that can be sent; '${shown(name)}' cannot`);
}

function refusedOption(what: string): SpillwayError {
  return new SpillwayError('ERR_SPILLWAY_OPTION', `otel-spillway: option 'headers' ${what}`);
}

function refuseFromFunction(name: string): never {
  throw new Error(
    `the function given as option 'headers' gave a header that cannot be sent: '${shown(name)}'`,
  );
}

function ignoreSilently(): void {}

function warnIgnored(where: string, name: string): void {
  warn(`${where}: the header '${shown(name)}' is ignored`);
}

function shown(name: string): string {
  return readable(name, MAX_NAME_LENGTH);
}
