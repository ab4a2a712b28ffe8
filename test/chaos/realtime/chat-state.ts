/** The state of chats that a client derives from events, however they reached it, and the same derived from REST. */
import type { PushedEvent } from '../../../src/contract/realtime/server-frames.js';
import type { KeptChat, RealtimeTestClient } from '../../support/realtime/realtime-client.js';

/** Characters of a state around the first difference that are told. */
const TOLD_AROUND = 150;

export interface ChatState {
  lastSequence: number;
  /** By sequence. Null: deleted. */
  messages: [sequence: number, body: string | null, reactions: string[]][];
}

/** From the events at or above `first`. Content of earlier messages is not compared. */
export function stateOf({ events }: Pick<KeptChat, 'events'>, first: number): ChatState {
  const messages = new Map<number, { body: string | null; reactions: Set<string> }>();
  let lastSequence = 0;
  for (const { sequence, content } of events) {
    lastSequence = Math.max(lastSequence, sequence);
    const { type, data } = JSON.parse(content) as PushedEvent;
    switch (type) {
      case 'message.created':
        if (sequence >= first) messages.set(sequence, { body: data.body, reactions: new Set() });
        break;
      case 'message.edited': {
        const message = messages.get(data.messageSequence);
        if (message !== undefined) message.body = data.body;
        break;
      }
      case 'message.deleted': {
        const message = messages.get(data.messageSequence);
        if (message !== undefined) Object.assign(message, { body: null, reactions: new Set() });
        break;
      }
      case 'message.reacted':
      case 'message.unreacted': {
        const reactions = messages.get(data.messageSequence)?.reactions;
        const key = `${data.userId} ${data.emoji}`;
        if (type === 'message.reacted') reactions?.add(key);
        else reactions?.delete(key);
      }
    }
  }
  return {
    lastSequence,
    messages: [...messages].map(([sequence, { body, reactions }]) => [sequence, body, [...reactions].sort()]),
  };
}

/** Whether the user has left: the last event says so. */
export function hasLeft({ events }: KeptChat, userId: string): boolean {
  const last = events.at(-1);
  if (last?.type !== 'member.removed') return false;
  const { data } = JSON.parse(last.content) as PushedEvent<'member.removed'>;
  return data.userId === userId;
}

type Get = (path: string) => Promise<{ status: number; body: { items: SyncItem[]; next: string; hasMore: boolean } }>;
type SyncItem = { chatId: string; events?: { type: string; data: { sequence: number | null } }[] };

/** What a client gets that syncs from nothing. */
export async function syncedAnew(get: Get): Promise<Map<string, KeptChat>> {
  const chats = new Map<string, KeptChat>();
  for (let query = '', hasMore = true; hasMore; ) {
    const { status, body } = await get(`/v1/sync${query}`);
    if (status !== 200) throw new Error(`sync answers ${status}`);
    for (const { chatId, events = [] } of body.items)
      for (const event of events) {
        const { sequence } = event.data;
        if (sequence === null) continue;
        const kept = chats.get(chatId) ?? { first: sequence, events: [] };
        chats.set(chatId, kept);
        kept.events.push({ sequence, type: event.type, content: JSON.stringify(event) });
      }
    query = `?since=${encodeURIComponent(body.next)}`;
    hasMore = body.hasMore;
  }
  return chats;
}

/**
 * What a client has and should not have, or the other way round. Null: its state is that of a client that syncs from
 * nothing. Unless `isFinal`, chats with content that was only announced are not compared.
 */
export function differenceFrom(
  anew: ReadonlyMap<string, KeptChat>,
  userId: string,
  client: Pick<RealtimeTestClient, 'isLive' | 'chats' | 'changed'>,
  isFinal: boolean,
): string | null {
  if (!client.isLive) return 'not live';
  for (const [chatId, chat] of client.chats)
    if (!anew.has(chatId) && !hasLeft(chat, userId)) return `${chatId} is kept, and sync does not have it`;
  for (const [chatId, { first, events }] of anew) {
    // Its content is announced, and comes with the next walk.
    if (!isFinal && client.changed.has(chatId)) continue;
    const kept = client.chats.get(chatId);
    if (kept === undefined || hasLeft(kept, userId)) return `${chatId} is missing`;
    if (kept.first > first) return `${chatId} begins at ${kept.first}, not at ${first}`;
    const [has = '', should = ''] = [stateOf(kept, first), stateOf({ events }, first)].map((state) =>
      JSON.stringify(state),
    );
    if (has === should) continue;
    const at = [...should].findIndex((character, index) => character !== has[index]);
    const around = (text: string) => text.slice(Math.max(0, at - TOLD_AROUND), at + TOLD_AROUND);
    return `${chatId}: has ${around(has)}, should have ${around(should)}`;
  }
  return null;
}
