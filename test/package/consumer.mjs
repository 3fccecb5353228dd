// A service written as ES modules.
import assert from 'node:assert/strict';
import { InMemoryLogRecordExporter, LoggerProvider } from '@opentelemetry/sdk-logs';
import { SpillwayLogRecordProcessor, SpillwayOtlpLogExporter } from 'otel-spillway';
import { TestCollector } from 'otel-spillway/testing';
import { exercise, exerciseKit } from './exercise.cjs';

assert.match(import.meta.resolve('otel-spillway'), /\.mjs$/);
assert.match(import.meta.resolve('otel-spillway/testing'), /\.mjs$/);
await exercise({ InMemoryLogRecordExporter, LoggerProvider, SpillwayLogRecordProcessor });
await exerciseKit({ TestCollector, LoggerProvider, SpillwayLogRecordProcessor, SpillwayOtlpLogExporter });
