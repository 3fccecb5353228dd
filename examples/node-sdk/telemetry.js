import { NodeSDK } from '@opentelemetry/sdk-node';
import { SpillwayLogRecordProcessor, shutdownOnSignals } from 'otel-spillway';

const sdk = new NodeSDK({
  serviceName: 'shop',
  // With processors of your own NodeSDK adds none, whatever OTEL_LOGS_EXPORTER says.
  logRecordProcessors: [new SpillwayLogRecordProcessor()],
});
sdk.start();
shutdownOnSignals(sdk);
