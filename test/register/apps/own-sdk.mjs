/** A file of the application that starts an SDK of its own, for traces, with an instrumentation that `register` has as well. */
import { register } from 'node:module';
import { PinoInstrumentation } from '@opentelemetry/instrumentation-pino';
import { NodeSDK } from '@opentelemetry/sdk-node';

register('@opentelemetry/instrumentation/hook.mjs', import.meta.url);
new NodeSDK({ instrumentations: [new PinoInstrumentation()] }).start();
