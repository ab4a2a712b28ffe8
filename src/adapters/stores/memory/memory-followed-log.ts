import type { LoggedEvent } from '../../../application/ports/store/log/event-log.js';
import {
  type FollowedLog,
  isAfter,
  type LoggedText,
  type LogStretch,
} from '../../../application/ports/store/log/followed-log.js';
import { PARTITION_WHILE_IMPORTED } from '../../../domain/chat.js';
import { CHANGES_AUDIENCE } from '../../../domain/event.js';
import { MemoryEventLog, withPresentText } from './memory-event-log.js';
import type { MemoryTables } from './memory-tables.js';

export class MemoryFollowedLog implements FollowedLog {
  private readonly log: MemoryEventLog;

  constructor(private readonly tables: MemoryTables) {
    this.log = new MemoryEventLog(tables);
  }

  async read(partition: number, after: number, limit: number): Promise<LogStretch> {
    const row = this.tables.partitions.get(partition);
    if (row === undefined) throw new Error(`there is no partition ${partition}`);
    const { position: end, logFloor: floor } = row;
    const events = await this.log.readEvents(partition, after, limit);
    const through = events.length === limit ? (events.at(-1)?.position ?? end) : end;
    return { events, through, end, floor };
  }

  async readTexts(partition: number, after: number, limit: number): Promise<LogStretch<LoggedText>> {
    const { events, ...limits } = await this.read(partition, after, limit);
    return { ...limits, events: events.map((event) => this.presentText(event)) };
  }

  async readAt(partition: number, positions: readonly number[]): Promise<LoggedEvent[]> {
    const wanted = new Set(positions);
    return (this.tables.log.get(partition) ?? [])
      .filter(({ position }) => wanted.has(position))
      .map((event) => withPresentText(this.tables, event));
  }

  async nextImport(after: number): Promise<number | null> {
    const later = [...this.tables.importNumbers.values()].filter((number) => number > after);
    return later.length === 0 ? null : Math.min(...later);
  }

  async readImport(importNumber: number, after: number, limit: number): Promise<LoggedEvent[]> {
    const [chatId] = [...this.tables.importNumbers].find(([, number]) => number === importNumber) ?? [''];
    return this.eventsOf(chatId)
      .filter(({ partition, sequence }) => partition === PARTITION_WHILE_IMPORTED && (sequence ?? 0) > after)
      .slice(0, limit)
      .map((event) => withPresentText(this.tables, event));
  }

  async lastAudienceChanges(chatIds: readonly string[]): Promise<Map<string, LoggedEvent>> {
    const found = new Map<string, LoggedEvent>();
    for (const chatId of chatIds) {
      const last = this.eventsOf(chatId).findLast(({ event }) => CHANGES_AUDIENCE.has(event.type));
      if (last !== undefined) found.set(chatId, withPresentText(this.tables, last));
    }
    return found;
  }

  async audienceChanges(chatId: string, after: number, until: LoggedEvent, limit: number): Promise<LoggedEvent[]> {
    return this.eventsOf(chatId)
      .filter((change) => CHANGES_AUDIENCE.has(change.event.type))
      .filter((change) => (change.sequence ?? 0) > after && !isAfter(change, until))
      .slice(0, limit)
      .map((event) => withPresentText(this.tables, event));
  }

  private presentText({ position, sequence, event }: LoggedEvent): LoggedText {
    const isText = event.type === 'message.created' || event.type === 'message.edited';
    const message = isText ? this.tables.messages.get(event.message.messageId) : undefined;
    if (message === undefined || message.body === null) return { position, sequence, text: null };
    const { messageId, revision, senderId, body } = message;
    return { position, sequence, text: { messageId, revision, senderId, body } };
  }

  private eventsOf(chatId: string): LoggedEvent[] {
    return this.tables.eventsOfChat.get(chatId) ?? [];
  }
}
