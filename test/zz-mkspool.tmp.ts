import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { SpillwayLogRecordProcessor, SpillwayOtlpLogExporter } from '/work/main/src/index.ts';
const [dir, n] = [process.argv[2]!, Number(process.argv[3])];
const p = new SpillwayLogRecordProcessor({ exporter: new SpillwayOtlpLogExporter({ url: 'http://127.0.0.1:1/v1/logs', timeoutMillis: 500 }), spool: { directory: dir, mode: process.argv[4] ? 'always' : 'overflow', leaseMillis: Number(process.argv[5] ?? 10000) }, maxQueueSize: 50000, gapMarker: false, maxExportBatchSize: 1000, scheduledDelayMillis: 5 });
const provider = new LoggerProvider({ resource: resourceFromAttributes({ 'service.name': 'x' }), processors: [p] });
const l = provider.getLogger('a', '1');
for (let i = 0; i < n; i++) { l.emit({ body: `r${i}`, severityNumber: [5, 9, 13, 17][i % 4]!, attributes: { i } }); if (i % 5000 === 0) await new Promise(r => setTimeout(r, 20)); }
if (process.argv[4] === 'stay') setInterval(() => console.log(JSON.stringify(p.stats().spooled)), 1000);
else { await provider.shutdown(); console.log(JSON.stringify(p.stats())); }
