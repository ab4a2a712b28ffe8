/**
 * Rejects commands that exceed a quota of the policy, as soon as their identity is known. Such a command costs no
 * snapshot and no decision, gets the receipt `rate_limited`, and is neither stored nor published.
 *
 * A quota of a chat rejects a command here only if an earlier decision has shown that the actor is a member. Other
 * commands are decided first and take from the quota then (`ChatAllowance`). A user who is not a member gets
 * `not_found`, as for a chat that does not exist.
 *
 * A command is checked only once. A redelivered command, or a batch that is retried, may have taken effect already, or
 * may have waited because of our failure. It is neither counted nor rejected.
 */
import { isCommandType } from '../../contract/messages/commands.js';
import type { CommandIdentity } from '../../contract/messages/decode-command.js';
import type { IncomingCommand } from '../../contract/messages/delivery.js';
import { type Reason, refusal } from '../../contract/messages/problems.js';
import { isInChat } from '../policy/attributes/attribute-catalogue.js';
import { ChatAllowance, describeOverQuota } from '../policy/chat-allowance.js';
import type { CountedCommand, OverQuota, QuotaReservation, Quotas } from '../ports/quotas.js';
import type { Delivery } from '../ports/transport/transport.js';
import type { Time } from '../runtime/time.js';
import { identityOf } from '../snapshot/batch-item.js';
import type { CommandResult, ExecutedBatch } from './execution/batch-transaction.js';
import { MembershipCache, type TenantMember } from './membership-cache.js';

export interface IdentifiedCommand {
  delivery: Delivery;
  identity: CommandIdentity;
  /** Null if the actor is authenticated, or if authentication is off. */
  unauthenticated: Reason | null;
}

export interface RateVerdict {
  /** Why the command is rejected. Null if it is not. */
  reason: Reason | null;
  /** The chat quotas that a permit takes from. Null if there are none. */
  allowance: ChatAllowance | null;
}

const PASSED: RateVerdict = { reason: null, allowance: null };

interface CheckedBatch {
  /** The first delivery identifies the batch: a retried batch has the same one. */
  first: Delivery;
  verdicts: readonly RateVerdict[];
  reservations: ReadonlySet<QuotaReservation>;
}

export class RateLimiter {
  private readonly members = new MembershipCache();
  private epoch = -1;
  private batch: CheckedBatch | null = null;

  constructor(
    private readonly quotas: Quotas,
    private readonly time: Pick<Time, 'elapsedMs'>,
  ) {}

  /**
   * Checks the commands of a batch and takes from the quotas. A retried batch gets the verdicts of its first attempt.
   * @param epoch the epoch of the lease. Under a new epoch the cache is empty: another worker may have changed the
   *   members
   */
  async reserve(commands: readonly IdentifiedCommand[], epoch: number): Promise<readonly RateVerdict[]> {
    if (this.epoch !== epoch) this.members.clear();
    this.epoch = epoch;
    const first = commands[0]?.delivery;
    if (first === undefined) return [];
    if (this.batch?.first !== first) this.batch = await this.checkBatch(commands, first);
    return this.batch.verdicts;
  }

  /**
   * Ends an attempt at the batch, also one that failed. Counts what was permitted, because the batch is not checked
   * again, and remembers who is a member and who no longer is.
   * @param executed the parts of the batch that are done
   */
  async settle(executed: readonly ExecutedBatch[]): Promise<void> {
    const reservations = this.batch?.reservations;
    if (reservations !== undefined && reservations.size > 0) await this.quotas.count(reservations);
    for (const { results } of executed) this.learn(results);
    // A member who was removed later in the batch may have been over a quota earlier in it.
    for (const { events } of executed)
      for (const { event, tenantId, chatId } of events)
        if (event.type === 'member.removed' && chatId !== null)
          this.members.forget({ tenantId, chatId, userId: event.userId });
  }

  /** Remembers members whom a quota of their chat has rejected. Their next command is rejected without a decision. */
  private learn(results: readonly CommandResult[]): void {
    for (const { item, result } of results) {
      const reason = result.kind === 'answered' ? result.receipt.reason : undefined;
      const member = reason === undefined ? null : memberOf(identityOf(item));
      if (member === null) continue;
      if (reason?.code === 'not_found') this.members.forget(member);
      const over = reason?.code === 'rate_limited' ? (item.allowance?.refusedToMember ?? null) : null;
      if (over !== null) this.members.note(member, this.time.elapsedMs() + over.retryAfterSeconds * 1_000);
    }
  }

  private async checkBatch(commands: readonly IdentifiedCommand[], first: Delivery): Promise<CheckedBatch> {
    const members = this.commandsOfKnownMembers(commands);
    const fresh = commands.filter(({ delivery }) => delivery.deliveryCount === 0);
    const counted = await this.quotas.takeAll(fresh.map((command) => countedAs(command, members.has(command))));
    const reservations = new Set(counted.flatMap((verdict) => verdict.reservations));
    const answers = counted.values();
    const verdicts = commands.map(({ delivery }): RateVerdict => {
      const answer = delivery.deliveryCount > 0 ? undefined : answers.next().value;
      if (answer === undefined) return PASSED;
      if (answer.over !== null) return { reason: reasonOf(answer.over), allowance: null };
      return answer.reservations.length === 0
        ? PASSED
        : { reason: null, allowance: new ChatAllowance(answer.reservations) };
    });
    return { first, verdicts, reservations };
  }

  /**
   * Commands whose actors are still members when their turn comes. Commands of a chat after a `member.remove` in this
   * batch are left out.
   */
  private commandsOfKnownMembers(commands: readonly IdentifiedCommand[]): ReadonlySet<IdentifiedCommand> {
    const nowMs = this.time.elapsedMs();
    const known = new Set<IdentifiedCommand>();
    const unsettled = new Set<string>();
    for (const command of commands) {
      const member = memberOf(command.identity);
      if (member === null) continue;
      if (!unsettled.has(member.chatId) && this.members.has(member, nowMs)) known.add(command);
      if (command.identity.type === 'member.remove') unsettled.add(member.chatId);
    }
    return known;
  }
}

function memberOf({ tenantId, chatId, actorId }: CommandIdentity): TenantMember | null {
  return chatId === null ? null : { tenantId, chatId, userId: actorId };
}

/** Invalid commands count as well: reading and rejecting them is work. */
function countedAs({ delivery, identity, unauthenticated }: IdentifiedCommand, isMember: boolean): CountedCommand {
  const { type, tenantId, actorId, chatId } = identity;
  const producer = producerKey(delivery.incoming);
  const known = isCommandType(type) ? type : null;
  // An unauthenticated command must not use up the quota of the actor that it names. Only the producer that sent it
  // pays.
  if (unauthenticated !== null)
    return { type: known, keys: { tenant: null, actor: null, chat: null, producer }, isMember: false };
  // `chat.create` has no existing chat. A space never occurs in the tenant, chat or actor id, so these keys are unique.
  const chat = chatId === null || (known !== null && !isInChat(known)) ? null : `${tenantId} ${chatId}`;
  return { type: known, keys: { tenant: tenantId, actor: `${tenantId} ${actorId}`, chat, producer }, isMember };
}

/** The user that the broker has checked, else the app id that the producer chose. The prefixes keep the two apart. */
function producerKey({ userId, appId }: IncomingCommand): string {
  if (userId !== undefined) return `user ${userId}`;
  return appId === undefined ? 'unnamed' : `app ${appId}`;
}

function reasonOf(over: OverQuota): Reason {
  return { ...refusal('rate_limited', describeOverQuota(over)), retryAfter: over.retryAfterSeconds };
}
