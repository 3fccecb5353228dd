// A service written as CommonJS.
const assert = require('node:assert/strict');
const { InMemoryLogRecordExporter, LoggerProvider } = require('@opentelemetry/sdk-logs');
const { SpillwayLogRecordProcessor } = require('otel-spillway');
const { exercise } = require('./exercise.cjs');

assert.match(require.resolve('otel-spillway'), /\.cjs$/);
exercise({ InMemoryLogRecordExporter, LoggerProvider, SpillwayLogRecordProcessor });
