/** Opens a tunnel through a proxy to a server with TLS: the method CONNECT (RFC 9110, section 9.3.6). */

import type { Socket } from 'node:net';
import type { WhenGivenUp } from './http-exchange.ts';
import type { HttpProxy } from './proxy.ts';
import { readable } from './response-body.ts';
import { concealed, secretsOfAuthorization } from './secrets.ts';

const MAX_REASON_LENGTH = 50;

export function hostOf({ hostname, port, protocol }: URL): { host: string; port: number } {
  return {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(port) || (protocol === 'https:' ? 443 : 80),
  };
}

/** @returns a connection to the server of the URL; rejects if the proxy refuses or cannot be reached. */
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
