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
  /** The batch in hand, by its first delivery. A batch that is run again is the same one. */
  private judged: { first: Delivery; reasons: (Reason | null)[] } | null = null;

  constructor(private readonly quotas: Quotas) {}

  /** Why each is turned away; null: it is not. */
  async refuse(batch: readonly Claim[]): Promise<readonly (Reason | null)[]> {
    const first = batch[0]?.delivery;
    if (first === undefined) return [];
    if (this.judged?.first !== first) this.judged = { first, reasons: await this.judge(batch) };
    return this.judged.reasons;
  }

  private async judge(batch: readonly Claim[]): Promise<(Reason | null)[]> {
    const fresh = batch.filter(({ delivery }) => delivery.deliveryCount === 0);
    const verdicts = (await this.quotas.takeAll(fresh.map(countedAs))).values();
    return batch.map(({ delivery }) => {
      if (delivery.deliveryCount > 0) return null;
      const over = verdicts.next().value ?? null;
      return over === null ? null : reasonOf(over);
    });
  }
}

/** What is invalid counts as well: reading and refusing it is work. */
function countedAs({ delivery, identity, unproven }: Claim): CountedCommand {
  const { type, tenantId, actorId, chatId } = identity;
  const producer = producerKey(delivery.incoming);
  const known = isCommandType(type) ? type : null;
  // Whoever cannot prove to be the actor must not use up what is the actor's; only the program that let it through pays.
  if (unproven !== null) return { type: known, keys: { tenant: null, actor: null, chat: null, producer } };
  // A blank occurs in no part but the producer's, which stands alone.
  const chat = chatId === null ? null : `${tenantId} ${chatId}`;
  return { type: known, keys: { tenant: tenantId, actor: `${tenantId} ${actorId}`, chat, producer } };
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
