/**
 * Turns away what is over a quota of the policy, as soon as it is known whose it is: it costs no facts and no decision, is answered
 * `rate_limited`, and is neither stored nor published.
 *
 * What was judged once is not judged again. A delivery that comes again from the queue, or a batch that is run again, may have taken effect
 * already, or waited for our sake: it is neither counted nor refused.
 */
import { isCommandType } from '../../contract/commands.js';
import type { CommandIdentity } from '../../contract/decode-command.js';
import type { IncomingCommand } from '../../contract/delivery.js';
import { type Reason, refusal } from '../../contract/problems.js';
import type { CountedCommand, OverQuota, Quotas } from '../ports/quotas.js';
import type { Delivery } from '../ports/transport.js';

export interface Claim {
  delivery: Delivery;
  identity: CommandIdentity;
  /** Null: the actor is proven, or nobody asks. */
  unproven: Reason | null;
}

export class QuotaGate {
  /** Of deliveries in hand; null: let through. */
  private readonly judged = new WeakMap<Delivery, Reason | null>();

  constructor(private readonly quotas: Quotas) {}

  /** Why each is turned away; null: it is not. */
  async refuse(commands: readonly Claim[]): Promise<(Reason | null)[]> {
    const fresh = commands.filter(({ delivery }) => delivery.deliveryCount === 0 && !this.judged.has(delivery));
    const verdicts = await this.quotas.takeAll(fresh.map(countedAs));
    for (const [index, { delivery }] of fresh.entries()) {
      const over = verdicts[index] ?? null;
      this.judged.set(delivery, over === null ? null : reasonOf(over));
    }
    return commands.map(({ delivery }) => this.judged.get(delivery) ?? null);
  }
}

/** What is invalid counts as well: reading and refusing it is work. */
function countedAs({ delivery, identity, unproven }: Claim): CountedCommand {
  const { type, tenantId, actorId, chatId } = identity;
  const producer = producerKey(delivery.incoming);
  // Whoever cannot prove to be the actor must not use up what is the actor's; only the program that let it through pays.
  const keys =
    unproven === null
      ? // A blank occurs in no part but the producer's, which stands alone.
        { tenant: tenantId, actor: `${tenantId} ${actorId}`, chat: chatId === null ? null : `${tenantId} ${chatId}` }
      : { tenant: null, actor: null, chat: null };
  return { type: isCommandType(type) ? type : null, keys: { ...keys, producer } };
}

/** By the user whom the broker has checked, else by what the program calls itself; neither can be taken for the other. */
function producerKey({ userId, appId }: IncomingCommand): string {
  if (userId !== undefined) return `user ${userId}`;
  return appId === undefined ? 'unnamed' : `app ${appId}`;
}

function reasonOf({ quota: { id, limit, per, windowMs }, retryAfterSeconds }: OverQuota): Reason {
  const detail = `quota ${id}: at most ${limit} in ${windowMs / 1000} s for each ${per}`;
  return { ...refusal('rate_limited', detail), retryAfter: retryAfterSeconds };
}
