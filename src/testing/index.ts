/** `otel-spillway/testing`: what a project needs to test that its own logs arrive, whatever happens to the collector. */

export type { Account } from './account.ts';
export type {
  AcceptReply,
  Behaviour,
  Condition,
  MemoryLimit,
  PartialReply,
  Repeated,
  Reply,
  ResetReply,
  ScriptedReply,
  StatusReply,
  UnfinishedReply,
  WebPageReply,
} from './behaviour.ts';
export type { Identity, IdentityAttribute, Keep } from './decode.ts';
export type { ReceivedAttributes, ReceivedRecord, ReceivedScope } from './received-record.ts';
export { TestCollector, type TestCollectorOptions } from './test-collector.ts';
