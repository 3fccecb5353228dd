/** A process that logs, works for a moment and ends: `brief.ts <with|without> <milliseconds> <collector's url> <spool> <name>`. */
import { writeSync } from 'node:fs';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { SpillwayLogRecordProcessor, SpillwayOtlpLogExporter } from 'otel-spillway';

const [how, millis, url = '', directory = '', name = ''] = process.argv.slice(2);
const processors =
  how === 'with'
    ? [
        new SpillwayLogRecordProcessor({
          exporter: new SpillwayOtlpLogExporter({ url }),
          scheduledDelayMillis: 10,
          shutdown: { timeoutMillis: 5 },
          spool: { directory },
        }),
      ]
    : [];
const logger = new LoggerProvider({ processors }).getLogger('tool');
const log = (what: string) => logger.emit({ severityNumber: 9, body: `${name} ${what}` });
log('begins');
setTimeout(() => {
  log('ends');
  const doneAt = performance.now();
  // Registered last, it is called last.
  process.on('exit', () => writeSync(3, String(performance.now() - doneAt)));
}, Number(millis));
