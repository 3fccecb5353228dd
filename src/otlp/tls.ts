/** Resolves certificates and keys from the option `tls`, or from files that environment variables name. */

import type { SecureContext } from 'node:tls';
import { messageOf, SpillwayError } from '../common/errors.ts';
import type { Environment } from '../common/validation.ts';
import { otlpVariables } from './environment.ts';
import type { OtlpTlsOptions } from './options.ts';
import { TlsFiles } from './tls-files.ts';
import type { TlsSource } from './tls-source.ts';

const DEFAULT_TRUST: TlsSource = { current: {} };

/** @throws SpillwayError `ERR_SPILLWAY_OPTION` for unusable certificates and keys: there is no fallback. */
export function resolveTls(option: OtlpTlsOptions | undefined, env: Environment, url: URL): TlsSource {
  const isUsed = url.protocol === 'https:';
  if (option === undefined) return isUsed ? tlsFromEnvironment(env) : DEFAULT_TRUST;
  try {
    // The value is not quoted: it may be a key.
    if (typeof option !== 'object' || option === null) throw new TypeError('it is no object');
    const { servername, ...rest } = option;
    const secureContext = secureContextOf(rest);
    if (!isUsed) return DEFAULT_TRUST;
    return { current: servername === undefined ? { secureContext } : { secureContext, servername } };
  } catch (cause) {
    throw unusable(`option 'tls' must hold certificates and keys that can be used`, cause);
  }
}

function tlsFromEnvironment(env: Environment): TlsSource {
  const files = Object.entries({ ca: 'CERTIFICATE', cert: 'CLIENT_CERTIFICATE', key: 'CLIENT_KEY' }).flatMap(
    ([name, setting]) => {
      const [variable] = otlpVariables(env, setting);
      return variable === undefined ? [] : [[name, variable] as const];
    },
  );
  if (files.length === 0) return DEFAULT_TRUST;
  const names = files.map(([, { name }]) => name).join(', ');
  try {
    return new TlsFiles(
      names,
      Object.fromEntries(files.map(([name, { value }]) => [name, value])),
      secureContextOf,
    );
  } catch (cause) {
    throw unusable(`the files named by ${names} must hold certificates and keys that can be used`, cause);
  }
}

function unusable(what: string, cause: unknown): SpillwayError {
  return new SpillwayError('ERR_SPILLWAY_OPTION', `otel-spillway: ${what}: ${messageOf(cause)}`, { cause });
}

function secureContextOf(options: Omit<OtlpTlsOptions, 'servername'>): SecureContext {
  // `createSecureContext` skips anything in `ca` that is not a certificate, and then trusts fewer, or nobody.
  for (const pem of [options.ca ?? [], options.cert ?? []].flat()) checkCertificates(pem);
  return process
    .getBuiltinModule('node:tls')
    .createSecureContext(options as Parameters<typeof import('node:tls').createSecureContext>[0]);
}

/** Checks each certificate: a truncated file may still begin with valid ones. */
function checkCertificates(pem: string | Uint8Array): void {
  const { X509Certificate } = process.getBuiltinModule('node:crypto');
  const parts = Buffer.from(pem as Uint8Array)
    .toString('latin1')
    .split(/(?=-----BEGIN )/);
  const certificates = parts.filter((part) => /^-----BEGIN [A-Z0-9 ]*CERTIFICATE-----/.test(part));
  if (certificates.length === 0) throw new Error('there is no certificate in PEM in it');
  for (const certificate of certificates) new X509Certificate(certificate);
}
