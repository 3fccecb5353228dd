/** A service on a platform that stops its processes: `service.ts <contender> <flushed before|after the answer> <flushTimeoutMillis> <collector's url>`. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import { SpillwayLogRecordProcessor, SpillwayOtlpLogExporter } from 'otel-spillway';
import type { Contender, FlushTime, Message } from './platform.ts';

const [contender, flushTime, flushMillis, url] = process.argv.slice(2) as [
  Contender,
  FlushTime,
  string,
  string,
];
const MAX_BACKGROUND_MILLIS = 4;

const processor =
  contender === 'spillway'
    ? new SpillwayLogRecordProcessor({
        exporter: new SpillwayOtlpLogExporter({ url }),
        flushTimeoutMillis: Number(flushMillis),
      })
    : new BatchLogRecordProcessor({ exporter: new OTLPLogExporter({ url }) });
const provider = new LoggerProvider({ processors: [processor] });
const logger = provider.getLogger('service');
const tell = (message: Message) => void process.send?.(message);

let served = 0;
let working = 0;

/** What Next calls `after`, and Vercel `waitUntil`: the process is not stopped before this is done. */
async function after(work: () => Promise<unknown>): Promise<void> {
  working++;
  await work();
  working--;
  if (working === 0) tell({ idle: served });
}

async function flush(): Promise<number> {
  const from = performance.now();
  if (contender !== 'stock') await provider.forceFlush().catch(() => {});
  return performance.now() - from;
}

const server = createServer(async (request, response) => {
  const number = request.url?.slice(1) ?? '';
  logger.emit({ body: `request ${number}` });
  const background = async () => {
    await sleep(Math.random() * MAX_BACKGROUND_MILLIS);
    logger.emit({ body: `background ${number}` });
  };
  let tookMillis = 0;
  if (flushTime === 'before') {
    void background();
    tookMillis = await flush();
  }
  served++;
  response.end(String(tookMillis));
  if (flushTime === 'after') void after(() => background().then(flush));
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => tell({ port: (server.address() as AddressInfo).port }));
