/** The way to the collector: a pool of keep-alive connections, directly or through a proxy. */

import type { buildConnector, Dispatcher } from 'undici';
import { messageOf } from '../errors.ts';
import type { OtlpConfig } from './otlp-config.ts';

export interface CollectorRoute {
  readonly dispatcher: Dispatcher;
  readonly origin: string;
  /** What goes into the request line. */
  readonly path: string;
  /** Headers that the way needs. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * How long an idle connection is kept where the server does not say: less than the minute after which most
 * servers and load balancers close it, for a request sent at that moment is lost.
 */
const KEEP_ALIVE_MILLIS = 30_000;

/** @param closing destroys every connection, also one that is still being made, when it aborts. */
export async function openRoute(config: OtlpConfig, closing: AbortSignal): Promise<CollectorRoute> {
  // undici makes itself the client behind the global `fetch` unless there is one. Touching a global of the same
  // family has Node put its own there first: how the host's requests are made is not for us to change.
  void globalThis.Headers;
  // Loaded here, so that only those who use it pay for it: some 70 ms and 29 MB in a process that has not used fetch.
  const { buildConnector, Pool, ProxyAgent } = await import('undici');

  const { url, proxy, tls, timeoutMillis } = config;
  const limits = {
    connections: config.concurrencyLimit,
    keepAliveTimeout: KEEP_ALIVE_MILLIS,
    // The transport has one timer for the whole request.
    headersTimeout: 0,
    bodyTimeout: 0,
  };
  // Passed on to net.connect and tls.connect.
  const connecting = { timeout: timeoutMillis, signal: closing };
  const pool = (origin: string | URL, connect: buildConnector.connector, headersTimeout = 0) =>
    new Pool(origin, { ...limits, headersTimeout, connect: withForeignErrors(connect) });
  const target = { origin: url.origin, path: url.pathname + url.search, headers: {} };

  if (proxy === undefined) {
    return { ...target, dispatcher: pool(url.origin, buildConnector({ ...connecting, ...tls })) };
  }
  if (url.protocol === 'http:') {
    // Without a tunnel, which proxies are often told to refuse for anything but TLS.
    return {
      dispatcher: pool(proxy.origin, buildConnector(connecting)),
      origin: proxy.origin,
      path: url.origin + target.path,
      headers: {
        host: url.host,
        ...(proxy.authorization && { 'proxy-authorization': proxy.authorization }),
      },
    };
  }
  const dispatcher = new ProxyAgent({
    uri: proxy.origin,
    ...(proxy.authorization && { token: proxy.authorization }),
    proxyTls: connecting,
    requestTls: { ...connecting, ...tls },
    factory: (origin, options) => pool(origin, connectorIn(options)),
    // A proxy that does not answer to CONNECT must not keep a slot for longer than the request behind it.
    clientFactory: (origin, options) => pool(origin, connectorIn(options), timeoutMillis),
  });
  return { ...target, dispatcher };
}

function connectorIn(options: object): buildConnector.connector {
  return (options as { connect: buildConnector.connector }).connect;
}

/**
 * Where connecting fails with an error of undici's own (a proxy that hangs up does that), a client tries again at
 * once, without end, and no abort of the request stops it. Under another code it reports the failure.
 */
function withForeignErrors(connect: buildConnector.connector): buildConnector.connector {
  return (options, callback) =>
    connect(options, (error, socket) => {
      if (error === null) callback(null, socket);
      else callback(isUndiciError(error) ? foreign(error) : error, null);
    });
}

function isUndiciError(error: Error): boolean {
  return String((error as NodeJS.ErrnoException).code).startsWith('UND_ERR');
}

function foreign(cause: Error): Error {
  const code =
    (cause as NodeJS.ErrnoException).code === 'UND_ERR_CONNECT_TIMEOUT' ? 'ETIMEDOUT' : 'ECONNRESET';
  return Object.assign(new Error(messageOf(cause), { cause }), { code });
}
