/** The playground: `npm run playground` serves it on localhost, `-- --port 4321` on a port of one's choice. */
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { serve } from './server/http.ts';
import { Stage } from './server/stage.ts';

const { values } = parseArgs({ options: { port: { type: 'string', default: '4320' } } });

const stage = await Stage.open();
const server = await serve(stage, Number(values.port)).catch((error: NodeJS.ErrnoException) => {
  stage.close();
  if (error.code !== 'EADDRINUSE') throw error;
  console.error(`Port ${values.port} is in use: npm run playground -- --port 0 takes any that is free.`);
  process.exit(1);
});
console.log(`http://localhost:${(server.address() as AddressInfo).port}  (Ctrl-C ends it)`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    stage.close();
    process.exit(0);
  });
}
