import type { CommandOf, CommandType } from '../../contract/commands.js';
import type { Refusal } from '../../domain/refusal.js';
import { DEFAULT_USER_KIND } from '../../domain/user.js';
import type { BatchState, Cause } from '../batch/batch-state.js';
import type { PolicyEnforcementPoint } from '../policy/enforcement.js';
import type { PolicyFacts } from '../policy/facts.js';

/** What a use case may ask and change. It is pure but for `newId`; the clock is the batch's. */
export interface CommandContext {
  state: BatchState;
  policy: PolicyEnforcementPoint;
  partition: number;
  producer: { userId: string | null; appId: string | null };
  cause: Cause;
  newId(): string;
}

/**
 * What became of one command. `sequence` is null where nothing changed or no chat is concerned; a refusal is a value, and
 * `decisionId` is null where the policy was not asked.
 */
export type CommandOutcome =
  | { status: 'accepted'; sequence: number | null; messageId: string | null; decisionId: string }
  | { status: 'refused'; refusal: Refusal; decisionId: string | null };

export type UseCase<T extends CommandType> = (command: CommandOf<T>, context: CommandContext) => CommandOutcome;

export function refused(refusal: Refusal, decisionId: string | null = null): CommandOutcome {
  return { status: 'refused', refusal, decisionId };
}

export function accepted(decisionId: string, sequence: number | null, messageId: string | null = null): CommandOutcome {
  return { status: 'accepted', sequence, messageId, decisionId };
}

/** The facts about actor and producer that every decision starts from; a use case adds what its action is about. */
export function factsAbout(
  action: PolicyFacts['action'],
  command: { tenantId: string; actorId: string },
  { state, producer }: CommandContext,
): PolicyFacts {
  const { tenantId, actorId } = command;
  return {
    action,
    actor: { tenantId, userId: actorId, kind: state.user(tenantId, actorId)?.kind ?? DEFAULT_USER_KIND },
    producer,
    chat: null,
    role: null,
    target: null,
    grantedRole: null,
    setsKind: false,
  };
}
