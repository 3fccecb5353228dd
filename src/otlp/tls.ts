/** Certificates and keys: from the option `tls`, or from files that environment variables name and that may change. */

import { readFileSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import type { SecureContext } from 'node:tls';
import { systemClock } from '../common/clock.ts';
import { messageOf, SpillwayError } from '../common/errors.ts';
import type { Environment } from '../common/validation.ts';
import { say } from '../delivery/export-context.ts';
import { otlpVariables } from './environment.ts';
import type { OtlpTlsOptions } from './options.ts';

/** Options of `tls.connect`. */
interface OtlpTls {
  readonly secureContext?: SecureContext;
  readonly servername?: string;
}

export interface TlsSource {
  /** For the next connection; a new object whenever the certificates have changed. */
  readonly current: OtlpTls;
  /** Updates `current`. Never rejects. */
  refresh?(): Promise<void>;
}

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
    return new TlsFiles(names, Object.fromEntries(files.map(([name, { value }]) => [name, value])));
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

/** A more recent change is not final: file times have coarse ticks, and other files of the set may follow. */
const SETTLED_MILLIS = 1_000;

type Contents = Readonly<Record<string, Buffer>>;

/** Certificates and keys in files, checked for changes before each request. */
class TlsFiles implements TlsSource {
  readonly #names: string;
  readonly #paths: readonly (readonly [name: string, path: string])[];
  #current: OtlpTls;
  #contents: Contents;
  /** Metadata of the files when they were last read; undefined if they must be read again in any case. */
  #seen: string | undefined;
  /** When the files were first found unusable; undefined while they are usable. */
  #unusableSince: number | undefined;
  #isReported = false;
  #looking: Promise<void> | undefined;

  /** Throws for unusable files. `names` is for messages; `paths` is keyed by option of `tls.createSecureContext`. */
  constructor(names: string, paths: Readonly<Record<string, string>>) {
    this.#names = names;
    this.#paths = Object.entries(paths);
    this.#contents = Object.fromEntries(this.#paths.map(([name, path]) => [name, readFileSync(path)]));
    this.#current = { secureContext: secureContextOf(this.#contents) };
  }

  get current(): OtlpTls {
    return this.#current;
  }

  /** Called before each request: a timer or a watcher would keep an idle process busy. */
  refresh(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    try {
      const before = await this.#appearance();
      if (before.isSettled && before.text === this.#seen) return;
      const read = await Promise.all(
        this.#paths.map(async ([name, path]) => [name, await readFile(path)] as const),
      );
      const after = await this.#appearance();
      // A change during the read may have mixed old and new content.
      if (after.text !== before.text) throw new Error('they are being written');
      this.#seen = before.isSettled ? before.text : undefined;
      const contents = Object.fromEntries(read);
      if (this.#isNew(contents)) {
        this.#current = { secureContext: secureContextOf(contents) };
        this.#contents = contents;
      }
      this.#unusableSince = undefined;
      this.#isReported = false;
    } catch (error) {
      this.#unusable(error);
    }
  }

  async #appearance(): Promise<{ readonly text: string; readonly isSettled: boolean }> {
    const stats = await Promise.all(this.#paths.map(([, path]) => stat(path, { bigint: true })));
    const settled = BigInt(Math.trunc(systemClock.wallNow()) - SETTLED_MILLIS);
    return {
      text: stats.map(({ dev, ino, size, mtimeNs, ctimeNs }) => [dev, ino, size, mtimeNs, ctimeNs]).join(),
      isSettled: stats.every(({ mtimeMs, ctimeMs }) => mtimeMs < settled && ctimeMs < settled),
    };
  }

  #isNew(contents: Contents): boolean {
    return this.#paths.some(([name]) => contents[name]?.equals(this.#contents[name] as Buffer) !== true);
  }

  /** Reports once, and not while a change may be under way. */
  #unusable(error: unknown): void {
    const now = systemClock.now();
    this.#unusableSince ??= now;
    if (this.#isReported) return;
    if (now - this.#unusableSince < SETTLED_MILLIS) {
      // Forces another read, even if the files do not change again.
      this.#seen = undefined;
      return;
    }
    this.#isReported = true;
    say(
      'warn',
      `the files named by ${this.#names} have changed and cannot be used: ${messageOf(error)}; what was there before still is`,
    );
  }
}
