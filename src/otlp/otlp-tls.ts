/** Certificates and keys: given by the option `tls`, or in files that environment variables name. */

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext } from 'node:tls';
import { diag } from '@opentelemetry/api';
import { messageOf, SpillwayError } from '../errors.ts';
import type { Environment } from '../validation.ts';
import { otlpVariables } from './otlp-environment.ts';
import type { OtlpTlsOptions } from './otlp-options.ts';

/** Options of `tls.connect`. */
export interface OtlpTls {
  readonly secureContext?: SecureContext;
  readonly servername?: string;
}

/** @throws SpillwayError `ERR_SPILLWAY_OPTION` for an option that Node cannot make use of. */
export function resolveTls(option: OtlpTlsOptions | undefined, env: Environment, url: URL): OtlpTls {
  const isUsed = url.protocol === 'https:';
  if (option === undefined) return isUsed ? tlsFromEnvironment(env) : {};
  try {
    // Not quoted: it may be a key.
    if (typeof option !== 'object' || option === null) throw new TypeError('it is no object');
    const { servername, ...rest } = option;
    const secureContext = secureContextOf(rest);
    if (!isUsed) return {};
    return servername === undefined ? { secureContext } : { secureContext, servername };
  } catch (cause) {
    throw new SpillwayError(
      'ERR_SPILLWAY_OPTION',
      `otel-spillway: option 'tls' must hold certificates and keys that can be used: ${messageOf(cause)}`,
      { cause },
    );
  }
}

function tlsFromEnvironment(env: Environment): OtlpTls {
  const ca = fileOf(env, 'CERTIFICATE');
  const cert = fileOf(env, 'CLIENT_CERTIFICATE');
  const key = fileOf(env, 'CLIENT_KEY');
  if (!ca && !cert && !key) return {};
  try {
    return {
      secureContext: secureContextOf({ ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) }),
    };
  } catch (error) {
    diag.warn(
      `otel-spillway: the certificates of OTEL_EXPORTER_OTLP_* cannot be used: ${messageOf(error)}; they are ignored`,
    );
    return {};
  }
}

function secureContextOf(options: Omit<OtlpTlsOptions, 'servername'>): SecureContext {
  // What is not a certificate `createSecureContext` skips, and then trusts nobody.
  for (const ca of [options.ca ?? []].flat()) new X509Certificate(ca);
  return createSecureContext(options as Parameters<typeof createSecureContext>[0]);
}

function fileOf(env: Environment, setting: string): Uint8Array | undefined {
  const variable = otlpVariables(env, setting)[0];
  if (variable === undefined) return undefined;
  try {
    return readFileSync(variable.value);
  } catch (error) {
    diag.warn(
      `otel-spillway: the file named by environment variable ${variable.name} cannot be read: ${messageOf(error)}`,
    );
    return undefined;
  }
}
