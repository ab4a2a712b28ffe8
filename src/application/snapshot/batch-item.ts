import type { CommandIdentity, Decoded } from '../../contract/messages/decode-command.js';
import type { Reason } from '../../contract/messages/problems.js';
import type { Receipt } from '../../contract/messages/receipts.js';
import type { Claims } from '../../domain/user.js';
import type { ChatAllowance } from '../policy/chat-allowance.js';
import type { Delivery } from '../ports/transport/transport.js';

/** A command with a known identity. Its body may be invalid, and its actor may be unauthenticated. */
export interface BatchItem {
  /** The partition whose queue the command came from. */
  partition: number;
  delivery: Delivery;
  decoded: Exclude<Decoded, { outcome: 'malformed' }>;
  /**
   * Set if the actor is not authenticated. Such a command is answered before any receipt is looked up, and neither
   * stored nor published.
   */
  unauthenticated: Reason | null;
  /** The claims of the token that authenticated the actor. Null if no token is required. */
  token: Claims | null;
  /** The chat quotas that a permit takes from. Null if there are none. */
  allowance: ChatAllowance | null;
}

/** The result of deciding one item. */
export type ItemResult =
  | { kind: 'answered'; receipt: Receipt }
  /** The chat belongs to another partition. */
  | { kind: 'misrouted'; home: number }
  /**
   * The chat belongs to another partition or may do so, and a repair of the hash ring is in progress. The command is
   * sent through the hash exchange again.
   */
  | { kind: 'reroute' };

export function identityOf({ decoded }: BatchItem): CommandIdentity {
  return decoded.outcome === 'command' ? decoded.command : decoded.identity;
}
