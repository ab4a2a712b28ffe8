/**
 * The recipients of dispatched events. They are those at the time of publishing, which the ledger does not know.
 * Therefore each copy must match one of the states of the chat from the event on.
 */
import type { LoggedEvent } from '../../../src/application/ports/store/log/event-log.js';
import { mayView } from '../../support/policies/hiding-policy.js';

interface ChatState {
  /** The position in the partition from which the state holds. */
  since: number;
  kind: string;
  isArchived: boolean;
  historyVisibility: string;
  members: ReadonlyMap<string, { role: string; joinedSequence: number }>;
}

export interface DispatchedCopy {
  /** The committed event. */
  logged: LoggedEvent;
  recipients: readonly string[] | null | undefined;
  forActor: boolean | null | undefined;
}

/** Copies whose recipients match no state of the chat. */
export function recipientFaults(copies: readonly DispatchedCopy[], logs: readonly LoggedEvent[]): string[] {
  const histories = statesOverTime(logs);
  return copies.flatMap(({ logged, recipients, forActor }) => {
    if (logged.chatId === null) return [];
    const listed = JSON.stringify([forActor, ...(recipients ?? []).toSorted()]);
    const history = histories.get(logged.chatId) ?? [];
    const isRight = history.some(
      (state, index) =>
        // The state after the event, and later states.
        (history[index + 1]?.since ?? Number.POSITIVE_INFINITY) > logged.position && listed === expected(logged, state),
    );
    return isRight ? [] : [`wrong recipients: ${logged.event.type} ${logged.position} of ${logged.chatId} ${listed}`];
  });
}

/** An independent form of the documented rule. */
function expected(logged: LoggedEvent, state: ChatState): string {
  const { actorId, event } = logged;
  const number = contentSequenceOf(logged);
  const whom = new Set<string>();
  for (const [userId, { role, joinedSequence }] of state.members) {
    const seesFrom = state.historyVisibility === 'full' ? 0 : joinedSequence;
    if (mayView(state, role) && seesFrom <= number) whom.add(userId);
  }
  const isOwnLeaving = event.type === 'member.removed' && event.userId === actorId;
  const forActor = whom.delete(actorId) || isOwnLeaving;
  if (event.type === 'member.removed') whom.add(event.userId);
  return JSON.stringify([forActor, ...[...whom].sort()]);
}

function contentSequenceOf({ event, sequence }: LoggedEvent): number {
  if (event.type === 'message.edited') return event.message.sequence;
  if ('messageSequence' in event) return event.messageSequence;
  return event.type === 'chat.read' ? event.upTo : (sequence ?? 0);
}

/** By chat, oldest first. Each partition's log is in order. */
function statesOverTime(logs: readonly LoggedEvent[]): Map<string, ChatState[]> {
  const histories = new Map<string, ChatState[]>();
  for (const logged of logs) {
    if (logged.chatId === null) continue;
    const history = histories.get(logged.chatId) ?? [];
    histories.set(logged.chatId, history);
    const next = stateAfter(history.at(-1), logged);
    if (next !== null) history.push({ ...next, since: logged.position });
  }
  return histories;
}

/** The state after the event. Null if the event does not change it. */
function stateAfter(before: ChatState | undefined, { event, sequence }: LoggedEvent): Omit<ChatState, 'since'> | null {
  const joinedSequence = sequence ?? 0;
  const members = new Map(before?.members);
  if (event.type === 'chat.created') {
    const { kind, historyVisibility } = event;
    for (const { userId, role } of event.members) members.set(userId, { role, joinedSequence });
    return { kind, historyVisibility, isArchived: false, members };
  }
  if (before === undefined) return null;
  switch (event.type) {
    case 'chat.updated':
      return { ...before, historyVisibility: event.historyVisibility };
    case 'chat.archived':
    case 'chat.unarchived':
      return { ...before, isArchived: event.type === 'chat.archived' };
    case 'member.added':
      for (const { userId, role } of event.members) members.set(userId, { role, joinedSequence });
      return { ...before, members };
    case 'member.removed':
      members.delete(event.userId);
      return { ...before, members };
    case 'member.updated':
      members.set(event.userId, { joinedSequence, ...members.get(event.userId), role: event.role });
      return { ...before, members };
    default:
      return null;
  }
}
