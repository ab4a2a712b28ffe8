/** A client that only syncs, and its state from the pages. */
import { expect } from 'chai';
import type { CloudEvent, EventData } from '../../../../src/contract/messages/events.js';
import type { RestChat } from '../../../../src/contract/rest/responses.js';

/** More than any walk here can have. */
const PAGES_MAX = 10_000;

export interface Page {
  items: (
    | { chatId: string; reset: boolean; chat: RestChat; events: CloudEvent[] }
    | { chatId: string; left: true; hidden?: true }
  )[];
  next: string;
  hasMore: boolean;
}

/** Null: the token is not good. */
export type FetchPage = (since: string | undefined, limit: number) => Promise<Page | null>;

export interface MirroredMessage {
  sequence: number;
  body: string | null;
  isDeleted: boolean;
  /** `<emoji> <user>` */
  reactions: Set<string>;
}

export interface MirroredChat {
  state: RestChat;
  roles: Map<string, string>;
  messages: Map<string, MirroredMessage>;
  lastSequence: number;
  /** Some events were left out: it must be started anew. */
  hasGap: boolean;
}

export class SyncingClient {
  readonly chats = new Map<string, MirroredChat>();
  /** Counts of the received data. */
  readonly counts = {
    pages: 0,
    walks: 0,
    restarts: 0,
    resets: 0,
    departures: 0,
    hidden: 0,
    continued: 0,
    events: 0,
    gaps: 0,
  };
  /** The last page had no items. */
  hadNothingNew = false;
  private token: string | undefined;
  private isWalking = false;
  private lastChatId = '';

  constructor(private readonly fetchPage: FetchPage) {}

  /** Takes one page; whether more is to be had at once. */
  async sync(limit: number): Promise<boolean> {
    const { items, next, hasMore } = (await this.fetchPage(this.token, limit)) ?? (await this.startAnew(limit));
    this.token = next;
    this.hadNothingNew = items.length === 0;
    expect(items.length, 'items of a page').to.be.at.most(limit);
    const events = items.reduce((sum, item) => sum + ('left' in item ? 0 : item.events.length), 0);
    expect(events, 'events of a page').to.be.at.most(limit);
    for (const item of items) {
      if (this.isWalking && item.chatId === this.lastChatId) this.counts.continued += 1;
      else expect(item.chatId > this.lastChatId || !this.isWalking, 'a walk goes by chat id').to.equal(true);
      this.lastChatId = item.chatId;
      this.isWalking = true;
      this.apply(item);
    }
    this.counts.pages += 1;
    this.counts.events += events;
    this.counts.walks += hasMore ? 0 : 1;
    this.isWalking = hasMore;
    if (!hasMore) this.lastChatId = '';
    return hasMore;
  }

  /** Ends the current walk, if any, and starts another. */
  async catchUp(limit: number): Promise<void> {
    if (this.isWalking || this.token === undefined) await this.walk(limit);
    await this.walk(limit);
  }

  /** Discards its state, because it may be outdated. */
  private async startAnew(limit: number): Promise<Page> {
    const page = await this.fetchPage(undefined, limit);
    if (page === null) throw new Error('who comes without a token is not refused');
    this.chats.clear();
    this.counts.restarts += 1;
    this.isWalking = false;
    this.lastChatId = '';
    return page;
  }

  private async walk(limit: number): Promise<void> {
    for (let pages = 0; await this.sync(limit); pages += 1)
      if (pages === PAGES_MAX) throw new Error('the walk does not end');
  }

  private apply(item: Page['items'][number]): void {
    if ('left' in item) {
      this.counts[item.hidden ? 'hidden' : 'departures'] += 1;
      this.chats.delete(item.chatId);
      return;
    }
    const { chatId, reset, chat: state, events } = item;
    const known = reset ? undefined : this.chats.get(chatId);
    if (reset) this.counts.resets += 1;
    if (reset) expect(events, 'a chat is not emptied for nothing').to.not.be.empty;
    else expect(known, 'a chat begins with a reset').to.not.equal(undefined);
    const mirrored = known ?? { state, roles: new Map(), messages: new Map(), lastSequence: 0, hasGap: false };
    mirrored.state = state;
    this.chats.set(chatId, mirrored);
    const { joinedSequence } = state.membership;
    const firstVisible = state.historyVisibility === 'full' ? 1 : joinedSequence;
    for (const event of events) {
      const sequence = Number(event.sequence);
      expect(sequence, 'nothing that may not be seen').to.be.at.least(firstVisible);
      if (mirrored.lastSequence === 0) mirrored.lastSequence = sequence - 1;
      expect(sequence, 'events come in order, and none twice').to.be.above(mirrored.lastSequence);
      if (sequence > mirrored.lastSequence + 1) {
        mirrored.hasGap = true;
        this.counts.gaps += 1;
      }
      mirrored.lastSequence = sequence;
      applyEvent(mirrored, event);
    }
  }
}

function applyEvent({ state, roles, messages }: MirroredChat, event: CloudEvent): void {
  const data = <T extends CloudEvent['type']>(_type: T) => event.data as EventData[T];
  switch (event.type) {
    case 'chat.created':
    case 'member.added':
      for (const { userId, role } of data('member.added').members) roles.set(userId, role);
      break;
    case 'member.removed':
      roles.delete(data('member.removed').userId);
      break;
    case 'member.updated':
      roles.set(data('member.updated').userId, data('member.updated').role);
      break;
    case 'message.created': {
      const { messageId, sequence, body } = data('message.created');
      messages.set(messageId, { sequence, body, isDeleted: false, reactions: new Set() });
      break;
    }
    case 'message.edited': {
      const message = messages.get(data('message.edited').messageId);
      const { body, erased } = data('message.edited');
      if (message !== undefined) message.body = body;
      // The present text of a hidden message is not included.
      else if (state.historyVisibility === 'since-joined') expect([body, erased]).to.deep.equal([null, true]);
      break;
    }
    case 'message.deleted': {
      const { messageId, mode } = data('message.deleted');
      const message = messages.get(messageId);
      if (mode === 'hard') messages.delete(messageId);
      else if (message !== undefined) Object.assign(message, { body: null, isDeleted: true });
      break;
    }
    case 'message.reacted':
    case 'message.unreacted': {
      const { messageId, emoji, userId } = data('message.reacted');
      const reactions = messages.get(messageId)?.reactions;
      if (event.type === 'message.reacted') reactions?.add(`${emoji} ${userId}`);
      else reactions?.delete(`${emoji} ${userId}`);
      break;
    }
    default:
  }
}
