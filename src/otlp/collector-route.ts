/** Keep-alive connections to the collector, direct or through a proxy. */

import type { Agent, ClientRequest, RequestOptions } from 'node:http';
import type { AgentOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import type { OtlpConfig } from './config.ts';
import type { WhenGivenUp } from './http-exchange.ts';
import { hostOf, openTunnel } from './proxy.ts';

/** Limit for idle connections unless the server sets one: most servers and load balancers close them after 60 s. */
const KEEP_ALIVE_MILLIS = 30_000;

/** Argument of `createConnection`: the options of the agent and of the request. */
interface ConnectionOptions extends RequestOptions {
  readonly whenGivenUp?: WhenGivenUp;
}

type Connect = (
  options: ConnectionOptions,
  callback?: (error: Error | null, socket: Duplex) => void,
) => Duplex | null | undefined;

export class CollectorRoute {
  readonly #config: OtlpConfig;
  // Not imported: as an ES module, node:http costs 50 ms and 16 MB, because its exports include those of fetch.
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
    // Plain HTTP is forwarded, not tunnelled: many proxies refuse tunnels for anything but TLS.
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

  /** Creates a request without sending it. The agent has no limit: the caller keeps to `concurrencyLimit`. */
  request(
    headers: Readonly<Record<string, string>>,
    whenGivenUp: WhenGivenUp,
    freshConnection: boolean,
  ): ClientRequest {
    const { current } = this.#config.tls;
    if (current !== this.#tls) {
      // Connections made with the old certificates must not be used again.
      this.#giveUpIdle();
      // Busy connections close when their request ends.
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

  /** All requests must have ended. */
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
