// Stands for Lambda's runtime: invokes the handler, and is stopped after each answer.
import { createInterface } from 'node:readline';
import { handler } from './handler.mjs';

for await (const line of createInterface({ input: process.stdin })) {
  const { statusCode } = await handler(JSON.parse(line));
  console.log(`answered ${statusCode}`);
}
