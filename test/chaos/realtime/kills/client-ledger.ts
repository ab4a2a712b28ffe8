/** What one client was told by its library, event by event, held against what a client gets that syncs from nothing. */
import type { FeedEvent } from '../../../../src/client/realtime/feed.js';
import type { KeptChat } from '../../../support/realtime/realtime-client.js';

/** Faults of one client that are told. The number of all of them is counted. */
const TOLD_MAX = 3;

export interface LedgerVerdict {
  /** Events that the log has and the client was never told. */
  missed: number;
  /** Events that the client was told again. */
  doubled: number;
  /** Events that came after a later one of the chat, or with content that the log does not have. */
  wrong: number;
  /** The first few, in words. */
  told: string[];
}

export class ClientLedger {
  /** By chat: sequences in the order in which they came, with the ids of their events. */
  private readonly chats = new Map<string, { sequence: number; id: string }[]>();

  /** For `onEvent`. */
  took({ id, data }: FeedEvent): void {
    if (!('sequence' in data) || typeof data.sequence !== 'number' || data.chatId === null) return;
    const kept = this.chats.get(data.chatId) ?? [];
    this.chats.set(data.chatId, kept);
    kept.push({ sequence: data.sequence, id });
  }

  get events(): number {
    return [...this.chats.values()].reduce((sum, { length }) => sum + length, 0);
  }

  /** `synced`: the events of each chat as sync gives them now. */
  verdict(synced: ReadonlyMap<string, Pick<KeptChat, 'events'>>): LedgerVerdict {
    const verdict: LedgerVerdict = { missed: 0, doubled: 0, wrong: 0, told: [] };
    const tell = (kind: 'missed' | 'doubled' | 'wrong', what: string) => {
      verdict[kind] += 1;
      if (verdict.told.length < TOLD_MAX) verdict.told.push(what);
    };
    for (const [chatId, { events }] of synced) {
      const ids = new Map(events.map(({ sequence, content }) => [sequence, (JSON.parse(content) as FeedEvent).id]));
      const seen = new Set<number>();
      let last = 0;
      for (const { sequence, id } of this.chats.get(chatId) ?? []) {
        if (seen.has(sequence)) tell('doubled', `${chatId}/${sequence} came twice`);
        else if (sequence < last) tell('wrong', `${chatId}/${sequence} came after ${last}`);
        else if (ids.get(sequence) !== id) tell('wrong', `${chatId}/${sequence} is not the event of the log`);
        seen.add(sequence);
        last = Math.max(last, sequence);
      }
      for (const sequence of ids.keys()) if (!seen.has(sequence)) tell('missed', `${chatId}/${sequence} never came`);
    }
    for (const chatId of this.chats.keys())
      if (!synced.has(chatId)) tell('wrong', `events of ${chatId} came, and sync does not have the chat`);
    return verdict;
  }
}
