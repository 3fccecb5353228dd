import { startCollector } from '../demo/collector/collector.ts';
const c = await startCollector({ keep: 'count', port: 14318 });
setInterval(() => { if (c.stats().records) console.log(JSON.stringify(c.stats())); }, 1000);
