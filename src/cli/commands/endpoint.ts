/** Parses the endpoint of `spool replay` and checks that it accepts logs. */

import type { SpillwayOtlpLogExporter } from '../../index.ts';
import type { OtlpLogExporterOptions } from '../../otlp/options.ts';
import { usageProblem } from '../console/command.ts';
import { EXIT, Problem } from '../console/problem.ts';

/** Temporary statuses and, because the probe has no records, 400: they do not prove a wrong endpoint. */
const INCONCLUSIVE = new Set([400, 408, 429]);

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
 * Probes with an empty request, which a collector answers with success (OTLP specification, "Full Success"). Records
 * sent to an endpoint that answers otherwise would be refused or swallowed; no answer at all may be temporary.
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

/** Without a path as OTEL_EXPORTER_OTLP_ENDPOINT, with one as OTEL_EXPORTER_OTLP_LOGS_ENDPOINT. */
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
      // Not quoted in the message: it may be a secret.
      if (equals < 1) throw usageProblem('--header is NAME=VALUE');
      return [pair.slice(0, equals).trim(), pair.slice(equals + 1).trim()];
    }),
  );
}
