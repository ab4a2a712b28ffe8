import type { Caller, VisibleChats } from '../../application/ports/chat-queries.js';
import { userKey } from '../../application/ports/command-store.js';
import type { LoggedEvent } from '../../application/ports/event-log.js';
import type {
  ChatStretch,
  Cut,
  EventRange,
  SyncedChat,
  SyncLog,
  SyncWindow,
} from '../../application/ports/sync-log.js';
import { copy } from './copy.js';
import { withPresentText } from './memory-event-log.js';
import { isVisible } from './memory-visible-chats.js';
import { byCodeUnit, type MemoryWorld } from './memory-world.js';

export class MemorySyncLog implements SyncLog {
  constructor(private readonly world: MemoryWorld) {}

  async cut(): Promise<Cut> {
    const rows = [...this.world.partitions.values()].sort((a, b) => a.partition - b.partition);
    return { positions: rows.map(({ position }) => position), imports: this.world.imports };
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
      const chat = this.world.chats.get(chatId);
      const membership = this.world.members.get(chatId)?.get(caller.userId);
      const importNumber = this.world.importNumbers.get(chatId) ?? null;
      return chat === undefined || membership === undefined ? [] : [{ chat, membership, importNumber }];
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

  async departures(caller: Caller, from: Cut, to: Cut, stretch: ChatStretch, limit: number): Promise<string[]> {
    return [...this.departuresOf(caller)]
      .filter(([chatId]) => isIn(stretch, chatId) && this.world.members.get(chatId)?.has(caller.userId) !== true)
      .filter(
        ([, { partition, position }]) => isBeyond(from, partition, position) && !isBeyond(to, partition, position),
      )
      .map(([chatId]) => chatId)
      .sort(byCodeUnit)
      .slice(0, limit);
  }

  async firstBeyond(
    cut: Cut,
    chats: readonly { chatId: string; lastSequence: number }[],
  ): Promise<Map<string, number>> {
    return new Map(
      chats.map(({ chatId, lastSequence }) => {
        const events = this.world.eventsOfChat.get(chatId) ?? [];
        const first = events.find(({ partition, position }) => isBeyond(cut, partition, position));
        return [chatId, Math.min(first?.sequence ?? Number.POSITIVE_INFINITY, lastSequence + 1)];
      }),
    );
  }

  async eventsIn(ranges: readonly EventRange[]): Promise<Map<string, LoggedEvent[]>> {
    return new Map(
      ranges.map(({ chatId, first, last }) => [
        chatId,
        (this.world.eventsOfChat.get(chatId) ?? [])
          .filter(({ sequence }) => sequence !== null && sequence >= first && sequence <= last)
          .map((event) => withPresentText(this.world, event)),
      ]),
    );
  }

  private chatsOf(caller: Caller): string[] {
    return [...(this.world.chatsOfUser.get(userKey(caller)) ?? [])];
  }

  private departuresOf(caller: Caller): Map<string, { partition: number; position: number }> {
    return this.world.departures.get(userKey(caller)) ?? new Map();
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
