/**
 * Whom dispatched events are for. Members are those of the moment in which an event goes out, which the ledger does not know: it holds
 * each copy against every state of the chat from the event itself on.
 */
import type { LoggedEvent } from '../../src/application/ports/event-log.js';

interface Members {
  /** Since that position of the partition. */
  since: number;
  userIds: ReadonlySet<string>;
}

export interface DispatchedCopy {
  /** What was committed, and the copy tells of. */
  logged: LoggedEvent;
  recipients: readonly string[] | null | undefined;
}

/** What does not add up, of copies of events that were committed. */
export function recipientFaults(copies: readonly DispatchedCopy[], logs: readonly LoggedEvent[]): string[] {
  const histories = membersOverTime(logs);
  return copies.flatMap(({ logged, recipients }) => {
    if (logged.chatId === null) return [];
    const told = JSON.stringify([...(recipients ?? [])].sort());
    const history = histories.get(logged.chatId) ?? [];
    const isRight = history.some(
      ({ userIds }, index) =>
        // The state that the event left behind, and those after it.
        (history[index + 1]?.since ?? Number.POSITIVE_INFINITY) > logged.position && told === expected(logged, userIds),
    );
    return isRight ? [] : [`for the wrong ones: ${logged.event.type} ${logged.position} of ${logged.chatId} ${told}`];
  });
}

function expected({ actorId, event }: LoggedEvent, members: ReadonlySet<string>): string {
  const whom = new Set(members);
  whom.delete(actorId);
  if (event.type === 'member.removed') whom.add(event.userId);
  return JSON.stringify([...whom].sort());
}

/** By chat, oldest first. Each partition's log is in order. */
function membersOverTime(logs: readonly LoggedEvent[]): Map<string, Members[]> {
  const histories = new Map<string, Members[]>();
  for (const { chatId, position, event } of logs) {
    if (chatId === null) continue;
    const history = histories.get(chatId) ?? [];
    histories.set(chatId, history);
    const userIds = new Set(history.at(-1)?.userIds);
    if (event.type === 'chat.created' || event.type === 'member.added')
      for (const { userId } of event.members) userIds.add(userId);
    else if (event.type === 'member.removed') userIds.delete(event.userId);
    else if (history.length > 0) continue;
    history.push({ since: position, userIds });
  }
  return histories;
}
