/** Recognises set-up mistakes by answers and errors of the destination, and reports each once, with its remedy. */

import { say } from '../delivery/export-context.ts';
import type { OtlpResponse } from './transport.ts';

/** By convention the port of OTLP/gRPC; OTLP/HTTP has 4318. */
const GRPC_PORT = '4317';

/** Refusals of plain HTTP on a TLS port, as worded by Go and nginx, Apache, Jetty. */
const WANTS_TLS = /HTTP request to an HTTPS server|sent to HTTPS port|plain HTTP to an SSL|https scheme/i;

const NOT_TRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Names of TLS alerts in codes and messages of OpenSSL and BoringSSL. */
const WANTS_OTHER_CLIENT =
  /alert[ _](certificate[ _]required|handshake[ _]failure|unknown[ _]ca|bad[ _]certificate)/i;
const NO_TLS = /wrong[ _]version[ _]number|packet[ _]length[ _]too[ _]long/i;
const PROXY_REFUSES = /the proxy answers (4\d\d)/;

const NO_RECEIVER =
  'nobody takes logs by OTLP/HTTP at this path; OTEL_EXPORTER_OTLP_ENDPOINT is a base, to which v1/logs is appended, OTEL_EXPORTER_OTLP_LOGS_ENDPOINT and the option url are used as they are';
const PROXY_CREDENTIALS =
  'the credentials for the proxy are missing or wrong; they belong into the URL of the proxy';

const MAX_CAUSES = 5;

export class SetUpMistakes {
  readonly #url: URL;
  readonly #endpoint: string;
  readonly #said = new Set<string>();
  #hasAnswered = false;

  constructor(url: URL) {
    this.#url = url;
    this.#endpoint = url.origin + url.pathname;
  }

  answered({ status, contentType, body }: OtlpResponse, isSuccess: boolean): void {
    this.#hasAnswered = true;
    if (isSuccess) return;
    if (status === 400 && WANTS_TLS.test(Buffer.from(body).toString('latin1', 0, 2_048))) {
      this.#say('wants TLS', 'speaks TLS: write https: instead of http:');
    } else if (status === 401 || status === 403) {
      this.#sayStatus(
        status,
        'the credentials are missing or wrong; they belong into the option headers or OTEL_EXPORTER_OTLP_HEADERS (name=value, percent-encoded)',
      );
    } else if (status === 404 || status === 405) {
      this.#sayStatus(status, NO_RECEIVER);
    } else if (status === 407) {
      this.#sayStatus(status, PROXY_CREDENTIALS);
    } else if (status === 415) {
      this.#sayStatus(status, 'OTLP as protobuf, the one encoding of this exporter, is not taken here');
    } else if (status >= 200 && status < 300 && contentType?.includes('html')) {
      this.#say('web page', `answered with a web page: ${NO_RECEIVER}`);
    } else if (status >= 300 && status < 400) {
      this.#sayStatus(status, 'redirects are not followed; write the URL that this one leads to');
    }
  }

  failed(error: unknown): void {
    const { code, text, spoken } = failureOf(error);
    if (NOT_TRUSTED.has(code)) {
      this.#say(
        code,
        `has a certificate that is not trusted (${code}); the certificate to trust belongs into the file that OTEL_EXPORTER_OTLP_CERTIFICATE names, or the option tls.ca`,
      );
    } else if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
      this.#say(
        code,
        'has a certificate for another name; write the URL with the name in it, or name it in the option tls.servername',
      );
    } else if (WANTS_OTHER_CLIENT.test(text)) {
      this.#say(
        'client certificate',
        `wants a certificate of the client, or another one (${code}); it belongs into the files that OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY name, or the options tls.cert and tls.key`,
      );
    } else if (PROXY_REFUSES.test(text)) {
      const status = PROXY_REFUSES.exec(text)?.[1];
      const what =
        status === '407' ? PROXY_CREDENTIALS : 'where it must not be asked, NO_PROXY names the host';
      this.#say(`proxy ${status}`, `cannot be reached through the proxy, which answers ${status}: ${what}`);
    } else if (NO_TLS.test(text)) {
      this.#say('no TLS', 'does not speak TLS: write http: instead of https:');
    } else if (spoken === 'TLS') {
      this.#say('wants TLS', 'speaks TLS: write https: instead of http:');
    } else if (spoken === 'HTTP/2') {
      this.#say(
        'gRPC',
        'answers in HTTP/2, as OTLP/gRPC does; this exporter speaks OTLP/HTTP, as a rule on port 4318',
      );
    } else if (this.#url.port === GRPC_PORT && !this.#hasAnswered && /^HPE_|ECONNRESET|EPIPE/.test(code)) {
      this.#say(
        'gRPC',
        'gives no answer in HTTP: 4317 is the port of OTLP/gRPC as a rule; this exporter speaks OTLP/HTTP, as a rule on port 4318',
      );
    }
  }

  #sayStatus(status: number, what: string): void {
    this.#say(String(status), `answered with HTTP ${status}: ${what}`);
  }

  #say(kind: string, what: string): void {
    if (this.#said.has(kind)) return;
    this.#said.add(kind);
    say('error', `logs cannot be delivered: ${this.#endpoint} ${what}`);
  }
}

/** Codes and messages of an error and its causes, and the protocol of a server that does not speak HTTP/1.1. */
function failureOf(error: unknown): { code: string; text: string; spoken: unknown } {
  let code = '';
  let text = '';
  let spoken: unknown;
  let at = error as { code?: unknown; message?: unknown; spoken?: unknown; cause?: unknown } | undefined;
  for (let depth = 0; depth < MAX_CAUSES && typeof at === 'object' && at !== null; depth++) {
    if (code === '' && typeof at.code === 'string') code = at.code;
    text += ` ${at.code} ${at.message}`;
    spoken ??= at.spoken;
    at = at.cause as typeof at;
  }
  return { code, text, spoken };
}
