import { refusal } from '../../contract/messages/problems.js';
import type { Receipt } from '../../contract/messages/receipts.js';
import type { StoredReceipt } from '../ports/command-store.js';

/**
 * The answer to a command for whose id a receipt is stored: that receipt for the same content, a conflict for other content.
 * `replayed` is true: only the receipt that is sent after the commit says false, once for each effect.
 */
export function replayedReceipt(stored: StoredReceipt, contentHash: Uint8Array, blank: Receipt): Receipt {
  if (Buffer.compare(stored.contentHash, contentHash) === 0) return { ...stored.receipt, replayed: true };
  return {
    ...blank,
    status: 'rejected',
    reason: refusal('conflict', 'the same command id came with other content'),
  };
}
