/** The way to the collector: keep-alive connections, directly or through a proxy. */

import type { Agent, ClientRequest, RequestOptions } from 'node:http';
import type { AgentOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import type { OtlpConfig } from './config.ts';
import type { WhenGivenUp } from './http-exchange.ts';
import { hostOf, openTunnel } from './proxy-tunnel.ts';

/**
 * How long an idle connection is kept where the server does not say: less than the minute after which most
 * servers and load balancers close it.
 */
const KEEP_ALIVE_MILLIS = 30_000;

/** What `createConnection` is called with: the options of the agent and those of the request. */
interface ConnectionOptions extends RequestOptions {
  readonly whenGivenUp?: WhenGivenUp;
}

type Connect = (
  options: ConnectionOptions,
  callback?: (error: Error | null, socket: Duplex) => void,
) => Duplex | null | undefined;

export class CollectorRoute {
  readonly #config: OtlpConfig;
  // Not imported: as an ES module, node:http takes 50 ms and 16 MB, because its names include those of fetch.
  readonly #http = process.getBuiltinModule('node:http');
  readonly #https: typeof import('node:https') | undefined;
  readonly #target: RequestOptions;
  readonly #headers: Readonly<Record<string, string>>;
  #agent: Agent;
  #tls: OtlpConfig['tls']['current'];

  constructor(config: OtlpConfig) {
    const { url, proxy, tls } = config;
    this.#config = config;
    const path = url.pathname + url.search;
    // Without a tunnel where the request has no TLS: proxies are often told to refuse tunnels for anything else.
    const isForwarded = proxy !== undefined && url.protocol === 'http:';
    const next = isForwarded ? new URL(proxy.origin) : url;
    if (next.protocol === 'https:') this.#https = process.getBuiltinModule('node:https');
    this.#target = { ...hostOf(next), method: 'POST', path: isForwarded ? url.origin + path : path };
    this.#headers = isForwarded
      ? {
          host: url.host,
          ...(proxy.authorization && { 'proxy-authorization': proxy.authorization }),
        }
      : {};
    this.#tls = tls.current;
    this.#agent = this.#openAgent();
  }

  /**
   * Makes a request whose connection is found or being made; nothing is sent yet. It must be one of at most
   * `concurrencyLimit` at the same time: the agent has no limit of its own, so that none has to wait inside of it.
   * @param whenGivenUp is told how to end the making of a tunnel.
   */
  request(
    headers: Readonly<Record<string, string>>,
    whenGivenUp: WhenGivenUp,
    freshConnection: boolean,
  ): ClientRequest {
    const { current } = this.#config.tls;
    if (current !== this.#tls) {
      // Other certificates: nobody whom they do not trust, or who is not to trust us any more, keeps a connection.
      this.#giveUpIdle();
      // Those that are busy end with their request.
      this.#agent.maxFreeSockets = 0;
      this.#tls = current;
      this.#agent = this.#openAgent();
    }
    if (freshConnection) this.#giveUpIdle();
    const options = {
      ...this.#target,
      agent: this.#agent,
      headers: { ...this.#headers, ...headers },
      whenGivenUp,
    };
    return (this.#https ?? this.#http).request(options);
  }

  /** Every request must have ended. */
  close(): void {
    this.#agent.destroy();
  }

  #openAgent(): Agent {
    const { url, proxy, concurrencyLimit } = this.#config;
    const options: AgentOptions = {
      keepAlive: true,
      timeout: KEEP_ALIVE_MILLIS,
      maxFreeSockets: concurrencyLimit,
    };
    if (this.#https === undefined) return new this.#http.Agent(options);
    if (proxy !== undefined && url.protocol === 'http:') return new this.#https.Agent(options);
    const agent = new this.#https.Agent({ ...options, ...this.#tls });
    if (proxy !== undefined) {
      const connectTls: Connect = agent.createConnection.bind(agent) as Connect;
      const connectThroughTunnel: Connect = (given, callback) => {
        openTunnel(proxy, url, given.whenGivenUp as WhenGivenUp).then(
          (socket) => callback?.(null, connectTls({ ...given, socket } as ConnectionOptions) as Duplex),
          (error) => callback?.(error, undefined as unknown as Duplex),
        );
        return undefined;
      };
      agent.createConnection = connectThroughTunnel as typeof agent.createConnection;
    }
    return agent;
  }

  #giveUpIdle(): void {
    for (const sockets of Object.values(this.#agent.freeSockets)) {
      for (const socket of sockets ?? []) socket.destroy();
    }
  }
}
