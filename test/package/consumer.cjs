// A service written as CommonJS.
const assert = require('node:assert/strict');
const { InMemoryLogRecordExporter, LoggerProvider } = require('@opentelemetry/sdk-logs');
const { SpillwayLogRecordProcessor, SpillwayOtlpLogExporter } = require('otel-spillway');
const { TestCollector } = require('otel-spillway/testing');
const { exercise, exerciseKit } = require('./exercise.cjs');

assert.match(require.resolve('otel-spillway'), /\.cjs$/);
assert.match(require.resolve('otel-spillway/testing'), /\.cjs$/);
exercise({ InMemoryLogRecordExporter, LoggerProvider, SpillwayLogRecordProcessor });
exerciseKit({ TestCollector, LoggerProvider, SpillwayLogRecordProcessor, SpillwayOtlpLogExporter });
