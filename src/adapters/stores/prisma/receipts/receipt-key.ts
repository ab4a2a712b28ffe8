import { hash } from 'node:crypto';
import { type ReceiptKey, receiptKey } from '../../../../application/ports/store/command-store.js';

/** Of two large groups of commands. */
const COMPUTED_MAX = 2_048;
/** A batch needs each key twice, to read and to write. */
const computed = new Map<string, string>();

/**
 * The key of a receipt's row, a UUID in canonical form. The function `receipt_key` of the database computes the same.
 *
 * The first four bytes are a hash of tenant and actor, the other twelve a hash of tenant, actor and command id. So the
 * receipts of an actor are one range of the key.
 */
export function storedReceiptKey(key: ReceiptKey): string {
  const name = receiptKey(key);
  const known = computed.get(name);
  if (known !== undefined) return known;
  const actor = hash('sha256', `${key.tenantId} ${key.actorId}`);
  const command = hash('sha256', name);
  const stored = `${actor.slice(0, 8)}-${command.slice(0, 4)}-${command.slice(4, 8)}-${command.slice(8, 12)}-${command.slice(12, 24)}`;
  if (computed.size >= COMPUTED_MAX) computed.clear();
  computed.set(name, stored);
  return stored;
}
