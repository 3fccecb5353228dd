/** Proxies: chosen from HTTPS_PROXY, HTTP_PROXY and NO_PROXY, and opened with CONNECT for a server with TLS. */

import { BlockList, isIP, type Socket } from 'node:net';
import { type Environment, warn } from '../common/validation.ts';
import { basicAuthorization } from './headers.ts';
import type { WhenGivenUp } from './http-exchange.ts';
import { readable } from './response-body.ts';
import { concealed, secretsOfAuthorization } from './secrets.ts';

export interface HttpProxy {
  readonly origin: string;
  readonly authorization: string | undefined;
}

/** @returns undefined for a direct connection, which local destinations always get. */
export function proxyFor(url: URL, env: Environment): HttpProxy | undefined {
  const variable = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const value = either(env, variable);
  if (value === '' || isLoopback(url) || isExempt(url, either(env, 'NO_PROXY'))) return undefined;
  const proxy = URL.parse(value.includes('://') ? value : `http://${value}`);
  if (proxy === null || !['http:', 'https:'].includes(proxy.protocol)) {
    warn(`environment variable ${variable} must be an http: or https: URL; it is ignored`);
    return undefined;
  }
  const hasCredentials = proxy.username !== '' || proxy.password !== '';
  return { origin: proxy.origin, authorization: hasCredentials ? basicAuthorization(proxy) : undefined };
}

/** By convention the lower-case variable wins, even if it is empty. */
function either(env: Environment, name: string): string {
  return (env[name.toLowerCase()] ?? env[name] ?? '').trim();
}

function isLoopback(url: URL): boolean {
  const { host } = hostOf(url);
  return (
    host === 'localhost' || host.endsWith('.localhost') || contains('127.0.0.0/8', host) || host === '::1'
  );
}

/** Entries are `*`, names (with their subdomains), addresses, both also with a port, and networks (`10.0.0.0/8`). */
function isExempt(url: URL, list: string): boolean {
  const { host, port } = hostOf(url);
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => {
      if (entry === '*') return true;
      if (contains(entry, host)) return true;
      // In an IPv6 address without brackets, the last colon does not begin a port.
      const [, name = entry, onlyPort = String(port)] = (!isIP(entry) && /^(.+):(\d+)$/.exec(entry)) || [];
      if (onlyPort !== String(port)) return false;
      const bare = name.replace(/^\*?\./, '').replace(/^\[(.*)\]$/, '$1');
      return bare !== '' && (host === bare || host.endsWith(`.${bare}`));
    });
}

function contains(network: string, host: string): boolean {
  const [address = '', prefix = ''] = network.split('/');
  const [version, hostVersion] = [isIP(address), isIP(host)];
  if (version === 0 || version !== hostVersion || !/^\d{1,3}$/.test(prefix)) return false;
  if (Number(prefix) > (version === 4 ? 32 : 128)) return false;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(address, Number(prefix), family);
  return list.check(host, family);
}

const MAX_REASON_LENGTH = 50;

export function hostOf({ hostname, port, protocol }: URL): { host: string; port: number } {
  return {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(port) || (protocol === 'https:' ? 443 : 80),
  };
}

/** Uses the method CONNECT (RFC 9110, section 9.3.6). @returns a connection to the server of the URL; rejects if the proxy refuses or cannot be reached. */
export function openTunnel(proxy: HttpProxy, url: URL, whenGivenUp: WhenGivenUp): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const proxyUrl = new URL(proxy.origin);
    const authority = `${url.hostname}:${hostOf(url).port}`;
    const { request } = process.getBuiltinModule(proxyUrl.protocol === 'https:' ? 'node:https' : 'node:http');
    const asking = request({
      ...hostOf(proxyUrl),
      method: 'CONNECT',
      path: authority,
      agent: false,
      headers: {
        host: authority,
        ...(proxy.authorization && { 'proxy-authorization': proxy.authorization }),
      },
    });
    let isOpen = false;
    const fail = (error: Error) => {
      // An open tunnel belongs to the request, which handles its errors.
      if (isOpen) return;
      reject(error);
      asking.destroy();
    };
    whenGivenUp(fail);
    asking.on('error', fail);
    asking.on('connect', ({ statusCode = 0, statusMessage = '' }, socket, head) => {
      isOpen = true;
      if (head.length > 0) socket.unshift(head);
      if (statusCode >= 200 && statusCode <= 299) return resolve(socket as Socket);
      socket.destroy();
      const said = concealed(statusMessage, secretsOfAuthorization(proxy.authorization));
      reject(new Error(`the proxy answers ${statusCode} ${readable(said, MAX_REASON_LENGTH)}`.trimEnd()));
    });
    asking.end();
  });
}
