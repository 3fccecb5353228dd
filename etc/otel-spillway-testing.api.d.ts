// The public types; npm run check:api -- --update writes this file.
interface AcceptReply {
  kind: 'accept';
}

interface Account {
  requests: number;
  records: number;
  different: number;
  duplicates: number;
  refused: number;
  acknowledged: number;
  bytes: number;
  decodedBytes: number;
  malformed: number;
  concurrentRequests: number;
  peakConcurrentRequests: number;
  connections: number;
  answers: Record<string, number>;
  encodings: Record<string, number>;
}

interface Behaviour {
  latencyMillis?: number;
  reply?: Reply;
  maxBodyBytes?: number;
  maxRecords?: number;
  tooLargeStatus?: 400 | 413;
  maxRequestsPerSecond?: number;
  memory?: MemoryLimit;
  poisonedIds?: readonly string[];
}

type Condition = 'well' | 'dead' | 'silent' | 'resetting' | number | Reply | Behaviour;

type Identity = 'record' | 'body' | IdentityAttribute;

interface IdentityAttribute {
  attribute: string;
}

type Keep = 'count' | 'ids' | 'records';

interface MemoryLimit {
  bytes: number;
  drainBytesPerSecond: number;
}

interface PartialReply {
  kind: 'partial';
  rejected: number;
  message?: string;
}

type ReceivedAttributes = Record<string, unknown>;

interface ReceivedRecord {
  body: unknown;
  attributes: ReceivedAttributes;
  severityNumber: number;
  severityText: string;
  eventName: string;
  timeUnixNano: string;
  observedTimeUnixNano: string;
  traceId: string;
  spanId: string;
  flags: number;
  droppedAttributesCount: number;
  scope: ReceivedScope;
  resource: ReceivedAttributes;
}

interface ReceivedScope {
  name: string;
  version: string;
  attributes: ReceivedAttributes;
}

interface Repeated {
  times?: number;
}

type Reply = AcceptReply | PartialReply | StatusReply | UnfinishedReply | ResetReply | WebPageReply;

interface ResetReply {
  kind: 'reset';
  at: 'before-response' | 'mid-response';
  stored?: boolean;
}

type ScriptedReply = Reply & Repeated;

interface StatusReply {
  kind: 'status';
  status: number;
  message?: string;
  headers?: Record<string, string>;
  retryAfterSeconds?: number;
  retryAfterForm?: 'seconds' | 'date';
}

declare class TestCollector {
  #private;
  readonly port: number;
  static start(options?: TestCollectorOptions): Promise<TestCollector>;
  static spawn(options?: TestCollectorOptions): Promise<TestCollector>;
  get url(): string;
  get logsUrl(): string;
  get records(): readonly ReceivedRecord[];
  get ids(): ReadonlyMap<string, number>;
  account(): Account;
  become(condition: Condition): Promise<void>;
  script(...replies: ScriptedReply[]): Promise<void>;
  received(count: number, timeoutMillis?: number): Promise<readonly ReceivedRecord[]>;
  until(condition: (account: Account) => boolean, timeoutMillis?: number): Promise<Account>;
  kill(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

interface TestCollectorOptions {
  port?: number;
  keep?: Keep;
  identity?: Identity;
  condition?: Condition;
}

interface UnfinishedReply {
  kind: 'hang' | 'half-response';
  stored?: boolean;
}

interface WebPageReply {
  kind: 'web-page';
}

export {
  type AcceptReply,
  type Account,
  type Behaviour,
  type Condition,
  type Identity,
  type IdentityAttribute,
  type Keep,
  type MemoryLimit,
  type PartialReply,
  type ReceivedAttributes,
  type ReceivedRecord,
  type ReceivedScope,
  type Repeated,
  type Reply,
  type ResetReply,
  type ScriptedReply,
  type StatusReply,
  TestCollector,
  type TestCollectorOptions,
  type UnfinishedReply,
  type WebPageReply,
};
