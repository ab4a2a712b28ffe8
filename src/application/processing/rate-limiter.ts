/**
 * Turns away what is over a quota of the policy, as soon as it is known whose it is: it costs no snapshot and no decision, is answered
 * `rate_limited`, and is neither stored nor published.
 *
 * A quota of a chat turns away only whom an earlier decision has shown to be in the chat. Everybody else goes on to be decided, with what room
 * there is (`ChatAllowance`): a stranger is answered `not_found` there, as for a chat that does not exist.
 *
 * What was judged once is not judged again. A delivery that comes again from the queue, or a batch that is run again, may have taken effect
 * already, or waited for our sake: it is neither counted nor refused.
 */
import { isCommandType } from '../../contract/messages/commands.js';
import type { CommandIdentity } from '../../contract/messages/decode-command.js';
import type { IncomingCommand } from '../../contract/messages/delivery.js';
import { type Reason, refusal } from '../../contract/messages/problems.js';
import { isInChat } from '../policy/attributes/attribute-catalogue.js';
import { ChatAllowance, describeOverQuota } from '../policy/chat-allowance.js';
import type { LoggedEvent } from '../ports/event-log.js';
import type { CountedCommand, OverQuota, QuotaReservation, Quotas } from '../ports/quotas.js';
import type { Delivery } from '../ports/transport.js';
import type { Time } from '../runtime/time.js';
import { identityOf } from '../snapshot/batch-item.js';
import type { RunResult } from './batch-executor.js';
import { MembershipCache, type TenantMember } from './membership-cache.js';

export interface Claim {
  delivery: Delivery;
  identity: CommandIdentity;
  /** Null: the actor is proven, or nobody asks. */
  unproven: Reason | null;
}

export interface GateVerdict {
  /** Why it is turned away; null: it is not. */
  reason: Reason | null;
  /** What a permit is bound to; null: to nothing. */
  allowance: ChatAllowance | null;
}

const PASSED: GateVerdict = { reason: null, allowance: null };

interface JudgedBatch {
  /** By its first delivery: a batch that is run again is the same one. */
  first: Delivery;
  verdicts: readonly GateVerdict[];
  rooms: ReadonlySet<QuotaReservation>;
}

export class RateLimiter {
  private readonly members = new MembershipCache();
  /** By the batch in hand: refused as members, they may have been removed later in it. */
  private readonly removed: TenantMember[] = [];
  private epoch = -1;
  private batch: JudgedBatch | null = null;

  constructor(
    private readonly quotas: Quotas,
    private readonly time: Pick<Time, 'elapsedMs'>,
  ) {}

  /** `epoch`: under which the partition is owned. Under another one somebody else may have changed who is in its chats. */
  async judge(claims: readonly Claim[], epoch: number): Promise<readonly GateVerdict[]> {
    if (this.epoch !== epoch) this.members.clear();
    this.epoch = epoch;
    const first = claims[0]?.delivery;
    if (first === undefined) return [];
    if (this.batch?.first !== first) this.batch = await this.judgeAnew(claims, first);
    return this.batch.verdicts;
  }

  /** What was permitted is counted, whatever became of the batch: it is not judged again. */
  async count(): Promise<void> {
    const rooms = this.batch?.rooms;
    if (rooms !== undefined && rooms.size > 0) await this.quotas.count(rooms);
  }

  /** Whoever was removed is a stranger from the commit on. */
  committed(events: readonly LoggedEvent[]): void {
    for (const { event, tenantId, chatId } of events)
      if (event.type === 'member.removed' && chatId !== null)
        this.removed.push({ tenantId, chatId, userId: event.userId });
    for (const member of this.removed) this.members.forget(member);
  }

  /** Remembers which members a quota of their chat has refused: next time it costs no decision. */
  learn(results: readonly RunResult[]): void {
    for (const { item, result } of results) {
      const reason = result.kind === 'answered' ? result.receipt.reason : undefined;
      const member = reason === undefined ? null : memberOf(identityOf(item));
      if (member === null) continue;
      if (reason?.code === 'not_found') this.members.forget(member);
      const over = reason?.code === 'rate_limited' ? (item.allowance?.refusedToMember ?? null) : null;
      if (over !== null) this.members.note(member, this.time.elapsedMs() + over.retryAfterSeconds * 1_000);
    }
    for (const member of this.removed.splice(0)) this.members.forget(member);
  }

  private async judgeAnew(claims: readonly Claim[], first: Delivery): Promise<JudgedBatch> {
    const members = this.knownAmong(claims);
    const fresh = claims.filter(({ delivery }) => delivery.deliveryCount === 0);
    const counted = await this.quotas.takeAll(fresh.map((claim) => countedAs(claim, members.has(claim))));
    const rooms = new Set(counted.flatMap((verdict) => verdict.rooms));
    const answers = counted.values();
    const verdicts = claims.map(({ delivery }): GateVerdict => {
      const answer = delivery.deliveryCount > 0 ? undefined : answers.next().value;
      if (answer === undefined) return PASSED;
      if (answer.over !== null) return { reason: reasonOf(answer.over), allowance: null };
      return answer.rooms.length === 0 ? PASSED : { reason: null, allowance: new ChatAllowance(answer.rooms) };
    });
    return { first, verdicts, rooms };
  }

  /** Those whose actors are known to be in the chat when their turn comes: not after a removal that this batch may bring. */
  private knownAmong(claims: readonly Claim[]): ReadonlySet<Claim> {
    const nowMs = this.time.elapsedMs();
    const known = new Set<Claim>();
    const unsettled = new Set<string>();
    for (const claim of claims) {
      const member = memberOf(claim.identity);
      if (member === null) continue;
      if (!unsettled.has(member.chatId) && this.members.has(member, nowMs)) known.add(claim);
      if (claim.identity.type === 'member.remove') unsettled.add(member.chatId);
    }
    return known;
  }
}

function memberOf({ tenantId, chatId, actorId }: CommandIdentity): TenantMember | null {
  return chatId === null ? null : { tenantId, chatId, userId: actorId };
}

/** What is invalid counts as well: reading and refusing it is work. */
function countedAs({ delivery, identity, unproven }: Claim, isMember: boolean): CountedCommand {
  const { type, tenantId, actorId, chatId } = identity;
  const producer = producerKey(delivery.incoming);
  const known = isCommandType(type) ? type : null;
  // Whoever cannot prove to be the actor must not use up what is the actor's; only the program that let it through pays.
  if (unproven !== null)
    return { type: known, keys: { tenant: null, actor: null, chat: null, producer }, isMember: false };
  // Creating is done in no chat that is there. A blank occurs in no part but the producer's, which stands alone.
  const chat = chatId === null || (known !== null && !isInChat(known)) ? null : `${tenantId} ${chatId}`;
  return { type: known, keys: { tenant: tenantId, actor: `${tenantId} ${actorId}`, chat, producer }, isMember };
}

/** By the user whom the broker has checked, else by what the program calls itself; neither can be taken for the other. */
function producerKey({ userId, appId }: IncomingCommand): string {
  if (userId !== undefined) return `user ${userId}`;
  return appId === undefined ? 'unnamed' : `app ${appId}`;
}

function reasonOf(over: OverQuota): Reason {
  return { ...refusal('rate_limited', describeOverQuota(over)), retryAfter: over.retryAfterSeconds };
}
