import type { CommandIdentity, Decoded } from '../../contract/messages/decode-command.js';
import type { Reason } from '../../contract/messages/problems.js';
import type { Receipt } from '../../contract/messages/receipts.js';
import type { Claims } from '../../domain/user.js';
import type { ChatAllowance } from '../policy/chat-allowance.js';
import type { Delivery } from '../ports/transport.js';

/** A command that can be answered: read by the contract, and its actor proven or not. */
export interface BatchItem {
  delivery: Delivery;
  decoded: Exclude<Decoded, { outcome: 'malformed' }>;
  /** Set where the actor is not proven: answered before any receipt is looked up, and neither stored nor published. */
  unproven: Reason | null;
  /** What the token says that proved the actor; null: none was asked for. */
  token: Claims | null;
  /** What a permit is bound to, by the quotas of its chat; null: to nothing. */
  allowance: ChatAllowance | null;
}

/** What a batch made of one item. */
export type ItemResult =
  | { kind: 'answered'; receipt: Receipt }
  /** Its chat belongs to another partition. */
  | { kind: 'misrouted'; home: number }
  /** … and a repair of the hash ring is still passing through: the ring knows better by now. */
  | { kind: 'astray' };

export function identityOf({ decoded }: BatchItem): CommandIdentity {
  return decoded.outcome === 'command' ? decoded.command : decoded.identity;
}
