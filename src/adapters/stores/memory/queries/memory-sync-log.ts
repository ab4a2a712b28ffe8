import type { Caller, VisibleChats } from '../../../../application/ports/queries/chat-queries.js';
import type {
  ChatStretch,
  Cut,
  EventRange,
  EventsInRanges,
  LostChat,
  SyncedChat,
  SyncLog,
  SyncWindow,
} from '../../../../application/ports/queries/sync-log.js';
import { userKey } from '../../../../application/ports/store/command-store.js';
import type { LoggedEvent } from '../../../../application/ports/store/log/event-log.js';
import type { Chat, Member } from '../../../../domain/chat.js';
import { type MembershipState, stateBeforeArchiving } from '../../../../domain/membership-state.js';
import { copy } from '../copy.js';
import { withPresentText } from '../memory-event-log.js';
import { byCodeUnit, type MemoryTables } from '../memory-tables.js';
import { isShown, isVisible } from './memory-visible-chats.js';

export class MemorySyncLog implements SyncLog {
  constructor(private readonly tables: MemoryTables) {}

  async cut(): Promise<Cut> {
    const rows = [...this.tables.partitions.values()].sort((a, b) => a.partition - b.partition);
    return { positions: rows.map(({ position }) => position), imports: this.tables.imports };
  }

  async horizon(caller: Caller, start: ChatStretch['start'], most: number): Promise<string | null> {
    const ids = [...this.chatsOf(caller), ...this.departuresOf(caller).keys()];
    const ahead = ids.filter((chatId) => isIn({ start, through: null }, chatId)).sort(byCodeUnit);
    return ahead[most - 1] ?? null;
  }

  async changedChats(
    caller: Caller,
    visible: VisibleChats,
    { from, to }: SyncWindow,
    stretch: ChatStretch,
    limit: number,
  ): Promise<SyncedChat[]> {
    const chats = this.chatsOf(caller).flatMap((chatId) => {
      const chat = this.tables.chats.get(chatId);
      const membership = this.tables.members.get(chatId)?.get(caller.userId);
      const importNumber = this.tables.importNumbers.get(chatId) ?? null;
      if (chat === undefined || membership === undefined) return [];
      const shownSequence = this.lastUntil(caller, chat, membership, (state) => !isShown(visible, chat, state));
      return [{ chat, membership, importNumber, shownSequence }];
    });
    return chats
      .filter((view) => isVisible(visible, view))
      .filter(({ chat }) => isIn(stretch, chat.chatId))
      .filter(({ chat: { partition, lastPosition }, membership: { readPosition }, importNumber }) => {
        if (from === null) return true;
        const had = at(from, partition) ?? Math.min(...from.positions);
        const upTo = at(to, partition) ?? Math.max(...to.positions);
        const isRead = readPosition > had && readPosition <= upTo;
        return lastPosition > had || isRead || (importNumber !== null && importNumber > from.imports);
      })
      .sort((a, b) => byCodeUnit(a.chat.chatId, b.chat.chatId))
      .slice(0, limit)
      .map(copy);
  }

  async lostChats(
    caller: Caller,
    visible: VisibleChats,
    from: Cut,
    to: Cut,
    stretch: ChatStretch,
    limit: number,
  ): Promise<LostChat[]> {
    const ids = new Set([...this.chatsOf(caller), ...this.departuresOf(caller).keys()]);
    return [...ids]
      .filter((chatId) => isIn(stretch, chatId))
      .flatMap((chatId) => {
        const chat = this.tables.chats.get(chatId);
        const membership = this.tables.members.get(chatId)?.get(caller.userId) ?? null;
        if (chat === undefined || (membership !== null && isVisible(visible, { chat, membership }))) return [];
        const until = this.lastUntil(caller, chat, membership, (state) => isShown(visible, chat, state));
        const last =
          visible === 'all'
            ? this.departuresOf(caller).get(chatId)
            : this.tables.eventsOfChat.get(chatId)?.find(({ sequence }) => sequence === until);
        const isLost =
          last !== undefined &&
          isBeyond(from, last.partition, last.position) &&
          !isBeyond(to, last.partition, last.position);
        return isLost ? [{ chatId, isMember: membership !== null }] : [];
      })
      .sort((a, b) => byCodeUnit(a.chatId, b.chatId))
      .slice(0, limit);
  }

  async firstBeyond(
    cut: Cut,
    chats: readonly { chatId: string; lastSequence: number }[],
  ): Promise<Map<string, number>> {
    return new Map(
      chats.map(({ chatId, lastSequence }) => {
        const events = this.tables.eventsOfChat.get(chatId) ?? [];
        const first = events.find(({ partition, position }) => isBeyond(cut, partition, position));
        return [chatId, Math.min(first?.sequence ?? Number.POSITIVE_INFINITY, lastSequence + 1)];
      }),
    );
  }

  async eventsIn(ranges: readonly EventRange[]): Promise<EventsInRanges> {
    const events = new Map(
      ranges.map(({ chatId, first, last }): [string, LoggedEvent[]] => [
        chatId,
        (this.tables.eventsOfChat.get(chatId) ?? [])
          .filter(({ sequence }) => sequence !== null && sequence >= first && sequence <= last)
          .map((event) => withPresentText(this.tables, event)),
      ]),
    );
    return { events, isComplete: true };
  }

  private chatsOf(caller: Caller): string[] {
    return [...(this.tables.chatsOfUser.get(userKey(caller)) ?? [])];
  }

  /** The sequence of the event that last ended one of those membership states of the caller. 0 if there is none. */
  private lastUntil(
    caller: Caller,
    chat: Chat,
    membership: Member | null,
    isOne: (state: MembershipState) => boolean,
  ): number {
    const former = [...(this.tables.formerMemberships.get(userKey(caller))?.get(chat.chatId) ?? [])];
    const earlier = membership === null ? null : stateBeforeArchiving(chat, membership);
    if (earlier !== null) former.push([earlier.state, earlier.until]);
    return Math.max(0, ...former.flatMap(([state, until]) => (isOne(state) ? [until] : [])));
  }

  private departuresOf(caller: Caller): Map<string, { partition: number; position: number }> {
    return this.tables.departures.get(userKey(caller)) ?? new Map();
  }
}

function isIn({ start, through }: ChatStretch, chatId: string): boolean {
  return (
    (chatId > start.chatId || (start.inclusive && chatId === start.chatId)) && (through === null || chatId <= through)
  );
}

function at({ positions }: Cut, partition: number | null): number | undefined {
  return partition === null ? undefined : positions[partition];
}

function isBeyond(cut: Cut, partition: number, position: number): boolean {
  return position > (at(cut, partition) ?? Number.POSITIVE_INFINITY);
}
