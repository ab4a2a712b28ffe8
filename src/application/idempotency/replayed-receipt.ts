import { refusal } from '../../contract/messages/problems.js';
import type { Receipt } from '../../contract/messages/receipts.js';
import type { StoredReceipt } from '../ports/store/command-store.js';

/**
 * The receipt for a command id that already has a stored receipt: the stored receipt for the same content, a conflict
 * for other content. `replayed` is true here. Only the receipt that is sent right after the commit has false, so it
 * occurs once for each effect.
 */
export function replayedReceipt(stored: StoredReceipt, contentHash: string, acceptedReceipt: Receipt): Receipt {
  if (stored.contentHash === contentHash) return { ...stored.receipt, replayed: true };
  return {
    ...acceptedReceipt,
    status: 'rejected',
    reason: refusal('conflict', 'the same command id came with other content'),
  };
}
