/** On a Node that is too old: the import succeeds, and what is constructed throws one sentence with a code. */
import * as assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import * as imported from 'otel-spillway';

for (const library of [imported, createRequire(import.meta.url)('otel-spillway')]) {
  for (const name of ['SpillwayLogRecordProcessor', 'SpillwayOtlpLogExporter']) {
    assert.throws(() => new library[name](), {
      code: 'ERR_SPILLWAY_NODE_VERSION',
      message: `otel-spillway: needs Node 22.15 or newer, and this is ${process.versions.node}`,
    });
  }
}
