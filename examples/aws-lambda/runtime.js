// Stands for Lambda's runtime, which invokes the handler and stops the process after each answer.
import { setTimeout as sleep } from 'node:timers/promises';
import { handler } from './handler.js';

for (const order of [1, 2, 3]) {
  await handler({ order });
  console.log(`answered ${order} in ${process.pid}`);
  await sleep(500);
}
