/** An OTLP/HTTP logs collector inside this process, for tests: it decodes what it receives and misbehaves on demand. */
import { type Collector, type CollectorOptions, emptyStats } from './protocol.ts';
import { Received } from './received.ts';
import { serveLogs } from './server.ts';

export async function startCollector(options: CollectorOptions = {}): Promise<Collector> {
  let stats = emptyStats();
  const received = new Received(() => structuredClone(stats));
  const server = await serveLogs(options, (report) => received.add(report));
  stats = server.stats;
  const url = `http://127.0.0.1:${server.port}`;
  return {
    port: server.port,
    url,
    logsUrl: `${url}/v1/logs`,
    stats: () => structuredClone(stats),
    ids: () => received.ids,
    records: () => received.records,
    until: (condition, timeoutMillis) => received.until(condition, timeoutMillis),
    behave: async (behaviour) => server.behave(behaviour),
    script: async (...entries) => server.script(entries),
    refuse: () => server.refuse(),
    listen: () => server.listen(),
    close: () => server.refuse(),
  };
}
