/** At the beginning of each test file nothing is registered with the OpenTelemetry API, whatever the file before left. */

import { context, diag, logs, metrics, propagation, trace } from '@opentelemetry/api';

for (const api of [context, diag, logs, metrics, propagation, trace]) api.disable();
