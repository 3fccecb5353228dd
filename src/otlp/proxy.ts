/** Chooses the proxy for the collector from the usual environment variables: HTTPS_PROXY, HTTP_PROXY and NO_PROXY. */

import { BlockList, isIP } from 'node:net';
import { diag } from '@opentelemetry/api';
import type { Environment } from '../common/validation.ts';
import { basicAuthorization } from './headers.ts';

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
    diag.warn(
      `otel-spillway: environment variable ${variable} must be an http: or https: URL; it is ignored`,
    );
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
  const host = hostOf(url);
  return (
    host === 'localhost' || host.endsWith('.localhost') || contains('127.0.0.0/8', host) || host === '::1'
  );
}

/** Entries are `*`, names (with their subdomains), addresses, both also with a port, and networks (`10.0.0.0/8`). */
function isExempt(url: URL, list: string): boolean {
  const host = hostOf(url);
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => {
      if (entry === '*') return true;
      if (contains(entry, host)) return true;
      // In an IPv6 address without brackets, the last colon does not begin a port.
      const [, name = entry, onlyPort = port] = (!isIP(entry) && /^(.+):(\d+)$/.exec(entry)) || [];
      if (onlyPort !== port) return false;
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

function hostOf(url: URL): string {
  return url.hostname.toLowerCase().replace(/^\[(.*)\]$/, '$1');
}
