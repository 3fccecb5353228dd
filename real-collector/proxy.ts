/** What nginx is set to when it stands in front of the Collector, and what a service needs to come through. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runOrThrow } from '../scripts/tools.ts';
import type { Site } from './nginx.ts';

export interface ProxyPlan {
  /** Directives beside the usual ones. */
  readonly http?: string;
  readonly server?: string;
  readonly location?: string;
  /** `client_max_body_size`. Default `20m`. */
  readonly maxBody?: string;
  /** A second upstream that nobody listens at, and that nginx does not learn of. */
  readonly hasDeadUpstream?: boolean;
  readonly tls?: 'of the server' | 'of both';
  /** Refuses requests with another bearer token. */
  readonly hasToken?: boolean;
}

export interface ProxyFiles {
  readonly directory: string;
  /** Where the service reads its token. */
  readonly tokenFile: string;
}

const DEAD = '127.0.0.1:1';

export function siteOf(plan: ProxyPlan, { directory }: ProxyFiles, collector: string, token: string): Site {
  const { http = '', server = '', location = '', maxBody = '20m', hasDeadUpstream, tls, hasToken } = plan;
  const file = (name: string) => join(directory, name);
  return (address) => `${http}
upstream collectors {
  server ${collector} max_fails=0;
${hasDeadUpstream ? `  server ${DEAD} max_fails=0;` : ''}
  keepalive 16;
}
server {
  listen ${address}${tls ? ' ssl' : ''};
${tls ? `  ssl_certificate ${file('server.pem')};\n  ssl_certificate_key ${file('server.key')};` : ''}
${tls === 'of both' ? `  ssl_client_certificate ${file('ca.pem')};\n  ssl_verify_client on;` : ''}
  client_max_body_size ${maxBody};
${server}
${hasToken ? `  if ($http_authorization != "Bearer ${token}") { return 401; }` : ''}
  location / {
    proxy_pass http://collectors;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    # The sender decides what is sent again.
    proxy_next_upstream off;
${location}
  }
}
`;
}

/** Of the service, for what it cannot be told otherwise. */
export function environmentOf({ tls }: ProxyPlan, { directory }: ProxyFiles): Record<string, string> {
  if (tls === undefined) return {};
  return {
    OTEL_EXPORTER_OTLP_CERTIFICATE: join(directory, 'ca.pem'),
    ...(tls === 'of both' && {
      OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: join(directory, 'client.pem'),
      OTEL_EXPORTER_OTLP_CLIENT_KEY: join(directory, 'client.key'),
    }),
  };
}

export async function makeFiles({ tls }: ProxyPlan, { directory, tokenFile }: ProxyFiles, token: string) {
  await writeFile(tokenFile, token);
  if (tls === undefined) return;
  const openssl = (...args: string[]) => runOrThrow('openssl', args, { cwd: directory });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  await openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    '2',
    '-subj',
    '/CN=authority',
  );
  await writeFile(join(directory, 'server.ext'), 'subjectAltName=IP:127.0.0.1');
  for (const name of ['server', 'client']) {
    await openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2'];
    const extensions = name === 'server' ? ['-extfile', 'server.ext'] : [];
    await openssl('x509', '-req', '-in', `${name}.csr`, ...signed, ...extensions, '-out', `${name}.pem`);
  }
}
