/** Where `spool replay` sends to, and whether that is a place for logs. */

import type { SpillwayOtlpLogExporter } from '../../index.ts';
import type { OtlpLogExporterOptions } from '../../otlp/options.ts';
import { usageProblem } from '../console/command.ts';
import { EXIT, Problem } from '../console/problem.ts';

/** Statuses that say something of a moment or, with 400, of a request without records, and not of the place. */
const INCONCLUSIVE = new Set([400, 408, 429]);

/** @throws Problem for what is no URL, or no header. */
export function otlpOptions(
  endpoint: string | undefined,
  headers: readonly string[] | undefined,
): Pick<OtlpLogExporterOptions, 'url' | 'headers'> {
  return {
    ...(endpoint !== undefined && { url: endpointUrl(endpoint) }),
    ...(headers !== undefined && { headers: headersOf(headers) }),
  };
}

/**
 * Asks with a request that has no records: to whoever refuses that, with a status that concerns all of them, or answers
 * as no collector does, nothing should be sent that is then refused as well, or swallowed. A collector answers it with
 * success (OTLP specification, "Full Success"); one that does not answer may do so later.
 * @throws Problem
 */
export async function checkEndpoint(exporter: SpillwayOtlpLogExporter): Promise<void> {
  const error = await new Promise<Error | undefined>((resolve) => {
    exporter.export([], (result) => resolve(result.error));
  });
  const code = (error as { code?: unknown } | undefined)?.code;
  if (error === undefined || typeof code !== 'number' || INCONCLUSIVE.has(code)) return;
  if (code >= 200 && code < 500) {
    await exporter.shutdown();
    throw new Problem(EXIT.unreachable, `the endpoint takes no logs, and was sent none: ${error.message}`);
  }
}

/** As OTEL_EXPORTER_OTLP_ENDPOINT where there is no path, and OTEL_EXPORTER_OTLP_LOGS_ENDPOINT where there is one. */
function endpointUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw usageProblem('--endpoint is an http: or https: URL');
  }
  if (url.pathname === '/') url.pathname = '/v1/logs';
  return url.href;
}

function headersOf(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf('=');
      // What is not a pair may be a secret all the same: it is not repeated.
      if (equals < 1) throw usageProblem('--header is NAME=VALUE');
      return [pair.slice(0, equals).trim(), pair.slice(equals + 1).trim()];
    }),
  );
}
