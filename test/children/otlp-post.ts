/** A process that posts to the URL it is given, leaves its connection alone, and prints what it did to its host. */

import { resolveOtlpConfig } from '../../src/otlp/config.ts';
import { HttpTransport } from '../../src/otlp/http-transport.ts';

const [url = ''] = process.argv.slice(2);
const transport = new HttpTransport(resolveOtlpConfig({ url }, {}));
const { status } = await transport.post(Buffer.from('a batch'), new AbortController().signal);
const isFetchLoaded = Object.getOwnPropertySymbols(globalThis).some(({ description }) =>
  description?.startsWith('undici.'),
);
process.stdout.write(`${JSON.stringify({ status, isFetchLoaded })}\n`);
