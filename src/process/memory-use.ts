/** How much memory this process may use, and which share of it is in use. */

import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';

/** Without a cgroup's limit Node returns 0 or an absurdly large number. */
function constrainedBytes(): number | undefined {
  const bytes = process.constrainedMemory();
  return bytes > 0 && bytes < totalmem() ? bytes : undefined;
}

/** The smallest of the heap limit, the cgroup limit and the machine's memory, in bytes. */
export function usableMemoryBytes(): number {
  return Math.min(
    getHeapStatistics().heap_size_limit,
    constrainedBytes() ?? Number.POSITIVE_INFINITY,
    totalmem(),
  );
}

/**
 * The larger of two shares, 0 to 1: of the heap limit that the heap uses, and of the cgroup's limit that the heap and
 * the buffers outside of it use. Not of what is resident: that stays high long after it was freed, and a guard that
 * believes it would drop logs for ever.
 */
export function memoryUseRatio(): number {
  const heap = getHeapStatistics();
  const limit = constrainedBytes();
  return Math.max(
    heap.used_heap_size / heap.heap_size_limit,
    limit === undefined ? 0 : (heap.used_heap_size + heap.external_memory) / limit,
  );
}
