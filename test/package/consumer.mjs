// A service written as ES modules.
import assert from 'node:assert/strict';
import { InMemoryLogRecordExporter, LoggerProvider } from '@opentelemetry/sdk-logs';
import { SpillwayLogRecordProcessor } from 'otel-spillway';
import { exercise } from './exercise.cjs';

assert.match(import.meta.resolve('otel-spillway'), /\.mjs$/);
await exercise({ InMemoryLogRecordExporter, LoggerProvider, SpillwayLogRecordProcessor });
