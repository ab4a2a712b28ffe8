/**
 * Decides a batch: for each command, in order, its receipt and its changes. The decider is pure except for the ids that
 * it generates. It runs between reading the snapshot and writing, and runs again if the batch is retried.
 */
import { type Reason, refusal, refusalCodes } from '../../../contract/messages/problems.js';
import type { Receipt } from '../../../contract/messages/receipts.js';
import { PARTITION_WHILE_IMPORTED } from '../../../domain/chat.js';
import { DEFAULT_LIMITS, type Limits } from '../../../domain/limits.js';
import { CHAT_NOT_FOUND, type Refusal } from '../../../domain/refusal.js';
import type { CommandContext, CommandOutcome, CommandPolicy } from '../../commands/outcome.js';
import { executeCommand } from '../../commands/registry.js';
import { acceptedReceipt } from '../../idempotency/accepted-receipt.js';
import { replayedReceipt } from '../../idempotency/replayed-receipt.js';
import type { DecisionContext, Enforced, PolicyEnforcementPoint } from '../../policy/enforcement.js';
import type { BatchSnapshot, BatchWrites } from '../../ports/store/command-store.js';
import { newOrderedId } from '../../runtime/ordered-id.js';
import { traceContextOf } from '../../runtime/trace-context.js';
import { type BatchItem, type ItemResult, identityOf } from '../../snapshot/batch-item.js';
import { BatchState, type Cause } from '../../snapshot/batch-state.js';

/** `EDIT_WINDOW`: how long after sending a message can be edited, per tenant, in milliseconds. Null means no limit. */
export type EditWindow = CommandContext['editWindowMs'];
const FOR_EVER: EditWindow = () => null;

function reasonOf(refused: Refusal): Reason {
  if (refused.code === 'invalid') return refusal('invalid', undefined, refused.violations);
  const reason = refusal(refused.code, refused.detail);
  return refused.code === 'rate_limited' ? { ...reason, retryAfter: refused.retryAfterSeconds } : reason;
}

export class CommandDecider {
  constructor(
    private readonly policy: PolicyEnforcementPoint,
    private readonly editWindowMs: EditWindow = FOR_EVER,
    private readonly limits: Limits = DEFAULT_LIMITS,
    private readonly newId: () => string = newOrderedId,
  ) {}

  decide(
    items: readonly BatchItem[],
    snapshot: BatchSnapshot,
    now: Date,
  ): { writes: BatchWrites; value: ItemResult[] } {
    const state = new BatchState(snapshot, now, this.limits.userChatsMax);
    const results = items.map((item) => this.decideItem(item, state));
    return { writes: state.writes(), value: results };
  }

  /** Each decision of the policy is added to `asked`. */
  private policyFor(decisionContext: DecisionContext, { allowance }: BatchItem, asked: Enforced[]): CommandPolicy {
    const { decisionPoint } = this.policy;
    return {
      enforce: (attributes) => {
        const enforced = this.policy.enforce(attributes, decisionContext, allowance);
        asked.push(enforced);
        return enforced;
      },
      permitsOutsiders: (action) => decisionPoint.permitsOutsiders(action),
      claims: decisionPoint.claims,
      tokenClaims: decisionPoint.tokenClaims,
    };
  }

  private decideItem(item: BatchItem, state: BatchState): ItemResult {
    const { partition } = item;
    const { now } = state;
    const identity = identityOf(item);
    const { tenantId, actorId, commandId } = identity;
    const { decoded } = item;
    const answer = (receipt: Receipt): ItemResult => ({ kind: 'answered', receipt });
    const accepted = acceptedReceipt(identity, now.toISOString());
    if (item.unauthenticated !== null) return answer({ ...accepted, status: 'rejected', reason: item.unauthenticated });

    const earlier = state.receipt({ tenantId, actorId, commandId });
    if (earlier !== undefined) return answer(replayedReceipt(earlier, decoded.contentHash, accepted));

    const cause: Cause = { partition, tenantId, actorId, commandId, ...traceContextOf(item.delivery.incoming.headers) };
    const reject = (reason: Reason, decisionId: string | null): ItemResult => {
      const receipt: Receipt = { ...accepted, status: 'rejected', decisionId, reason };
      if (refusalCodes[reason.code].stored) {
        state.appendEvent(cause, { type: 'command.rejected', receipt }, null);
        state.putReceipt({ tenantId, actorId, commandId, contentHash: decoded.contentHash, receipt, at: now });
      }
      return answer(receipt);
    };
    if (decoded.outcome === 'refused') return reject(decoded.reason, null);

    const { command } = decoded;
    if (command.chatId !== null) {
      const chat = state.chat(command.chatId);
      if (chat?.partition === PARTITION_WHILE_IMPORTED)
        return chat.tenantId === tenantId || command.type === 'chat.create'
          ? reject(refusal('conflict', 'the chat is being imported'), null)
          : reject(reasonOf(CHAT_NOT_FOUND), null);
      const misplaced = checkPlacement(state, command.chatId, item);
      if (misplaced !== null) return misplaced;
    }
    const { appId, userId } = item.delivery.incoming;
    const asked: Enforced[] = [];
    const outcome = executeCommand(command, {
      state,
      policy: this.policyFor({ at: state.now, commandId, chatId: command.chatId }, item, asked),
      token: item.token,
      partition,
      producer: { userId: userId ?? null, appId: appId ?? null },
      cause,
      editWindowMs: this.editWindowMs,
      limits: this.limits,
      newId: this.newId,
    });
    recordDecisions(asked, outcome, state);
    if (outcome.status === 'refused') return reject(reasonOf(outcome.refusal), outcome.decisionId);
    const { sequence, messageId, decisionId } = outcome;
    const receipt: Receipt = { ...accepted, sequence, messageId, decisionId };
    state.putReceipt({ tenantId, actorId, commandId, contentHash: decoded.contentHash, receipt, at: now });
    return answer(receipt);
  }
}

/**
 * Keeps the decision that a rejected receipt refers to, so that it can be explained. This includes a permit whose
 * command the state of the chat then refused.
 */
function recordDecisions(asked: readonly Enforced[], outcome: CommandOutcome, state: BatchState): void {
  for (const { record, isKept } of asked) {
    if (outcome.status === 'accepted') {
      if (isKept) state.putDecision(record);
      continue;
    }
    if (record.effect === 'permit') record.refusedAs = outcome.refusal.code;
    if (isKept || record.decisionId === outcome.decisionId) state.putDecision(record);
  }
}

/**
 * Checks that a command is at the partition of its chat. A chat without a partition gets the partition of its first
 * command. If the transport may have misplaced the command, a chat without a partition, or an unknown chat, may belong
 * to another partition.
 */
function checkPlacement(state: BatchState, chatId: string, { delivery, partition }: BatchItem): ItemResult | null {
  const chat = state.chat(chatId);
  if (chat !== undefined && chat.partition === partition) return null;
  if (delivery.mayBeMisplaced) return { kind: 'reroute' };
  if (chat === undefined) return null;
  if (chat.partition !== null) return { kind: 'misrouted', home: chat.partition };
  // The chat's last position belongs to another partition's log and means nothing here. The new position makes syncing
  // clients look at the chat again.
  state.putChat({ ...chat, partition, lastPosition: state.nextPosition(partition) });
  return null;
}
