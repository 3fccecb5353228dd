/** What a store of batches can do, whatever it is made of. */

export interface StoredBatch {
  readonly payload: Uint8Array;
  /** It was delivered. */
  settle(): void;
}

export interface BatchStore {
  /** Of batches that can be taken, those that an earlier process left included, once they are known. */
  readonly waitingRecords: number;
  /** Resolves with whether it is stored, as durably as the store is set to. */
  append(payload: Uint8Array, records: number): Promise<boolean>;
  /** At the exit of the process, so many records each. Nothing else is called afterwards. */
  appendAllSync(payloads: readonly Uint8Array[], records: number): void;
  /** The oldest batch that was not taken yet. */
  next(): Promise<StoredBatch | undefined>;
  close(): Promise<void>;
}
