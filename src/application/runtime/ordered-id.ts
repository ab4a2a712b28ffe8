import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

const ID_BYTES = 16;
/** Random bytes are drawn for this many ids at a time: a system call for each id costs more than the rest. */
const IDS_PER_DRAW = 512;
const pool = new Uint8Array(ID_BYTES * IDS_PER_DRAW);
let used = pool.length;

/**
 * A message or decision id: UUIDv7 (RFC 9562, section 5.7), so that ids created together are near each other in the
 * index.
 */
export function newOrderedId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += ID_BYTES;
  return v7({ random: pool.subarray(used - ID_BYTES, used) });
}
