/**
 * What the frames of a gateway mean for the client's copy. Pure: it takes frames in order and returns changes.
 *
 * - Each event of a chat is applied once and in order, by its sequence.
 * - An event beyond the next one is not applied: the chat is *behind*, until a page of sync has what is missing.
 * - A resume token is taken only while no chat is behind. So a crash at any moment never loses an event.
 */
import { isOfChat } from '../../contract/messages/chatless-events.js';
import type { PushedEvent, ServerFrame, ServerFrameOf } from '../../contract/realtime/server-frames.js';
import type { RestChat } from '../../contract/rest/responses.js';

/** An event, pushed or from a page of sync. */
export type FeedEvent = PushedEvent;

/** One change of the client's copy. They are applied in order; those of one `apply` together or not at all. */
export type FeedChange =
  /** The copy belongs to this user. */
  | { kind: 'owner'; owner: FeedOwner }
  /** Drop everything, also the resume token. */
  | { kind: 'clear' }
  /** Drop what is there of the chat. Its events begin anew. */
  | { kind: 'reset'; chatId: string }
  /** Drop the chat. `hidden`: the user is a member, but the policy does not show the chat any more. */
  | { kind: 'left'; chatId: string; hidden: boolean }
  /** The present state of the chat. It can be newer than the events that follow. */
  | { kind: 'chat'; chat: RestChat }
  /** `sequence` is null for an event without one, which may come again. */
  | { kind: 'event'; event: FeedEvent; sequence: number | null }
  /** Everything up to here is there: resume with this token. */
  | { kind: 'token'; token: string };

export interface FeedOwner {
  tenantId: string;
  userId: string;
}

/** What a client has kept. */
export interface StoredFeed {
  owner: FeedOwner | null;
  /** Null: nothing was synced yet. */
  resumeToken: string | null;
  /** The last applied sequence of each chat. */
  sequences: Iterable<readonly [chatId: string, sequence: number]>;
}

/** Where the copy is kept. `ChatStore` is one. */
export interface FeedStore {
  load(): Promise<StoredFeed>;
  /** Applies all changes or none, in one transaction. If it rejects, the client connects again and loads again. */
  apply(changes: readonly FeedChange[]): Promise<void>;
}

/** The frames that change the copy. */
export type FeedFrame = ServerFrameOf<'sync' | 'event' | 'changed' | 'mark' | 'resync'>;

const FEED_FRAMES: ReadonlySet<string> = new Set(['sync', 'event', 'changed', 'mark', 'resync']);

export function isFeedFrame(frame: ServerFrame): frame is FeedFrame {
  return FEED_FRAMES.has(frame.t);
}

/** Part of the chats' data that every event of a chat has. */
interface ChatEventData {
  chatId?: string;
  sequence?: number | null;
  userId?: string;
}

type SyncItem = ServerFrameOf<'sync'>['page']['items'][number];

export class Feed {
  #owner: FeedOwner | null;
  #token: string | null;
  readonly #sequences: Map<string, number>;
  /** Chats with events that were not applied, up to this sequence. `isAnnounced`: the gateway has said so. */
  readonly #behind = new Map<string, { sequence: number; isAnnounced: boolean }>();

  constructor({ owner, resumeToken, sequences }: StoredFeed) {
    this.#owner = owner;
    this.#token = resumeToken;
    this.#sequences = new Map(sequences);
  }

  get resumeToken(): string | null {
    return this.#token;
  }

  get owner(): FeedOwner | null {
    return this.#owner;
  }

  /** Whether an event came beyond the next one, and the gateway has not said that there is more to come. */
  get hasUnannouncedGap(): boolean {
    for (const { isAnnounced } of this.#behind.values()) if (!isAnnounced) return true;
    return false;
  }

  /** A connection begins: a walk from the resume token brings everything that is missing. */
  resume(): void {
    this.#behind.clear();
  }

  /** The user of the connection, who is the owner if there is one. */
  claim({ tenantId, userId }: FeedOwner): FeedChange[] {
    if (this.#owner !== null) return [];
    this.#owner = { tenantId, userId };
    return [{ kind: 'owner', owner: this.#owner }];
  }

  /**
   * Returns the changes. `gap`: the gateway says that nothing is missing, and something is; a walk from the resume
   * token brings it. `hole`: such a walk does not bring it. Only a walk from nothing does.
   */
  apply(frame: FeedFrame): FeedChange[] | 'gap' | 'hole' {
    switch (frame.t) {
      case 'sync':
        if (frame.page.items.some((item) => this.#hasHole(item))) return 'hole';
        this.#token = frame.page.next;
        return [
          ...frame.page.items.flatMap((item) => this.#applyItem(item)),
          { kind: 'token', token: frame.page.next },
        ];
      case 'event':
        return this.#applyEvent(frame.event);
      case 'changed':
        if (frame.lastSequence > (this.#sequences.get(frame.chatId) ?? 0))
          this.#fallBehind(frame.chatId, frame.lastSequence, true);
        return [];
      case 'mark':
        if (this.#behind.size > 0) return 'gap';
        this.#token = frame.token;
        return [{ kind: 'token', token: frame.token }];
      case 'resync':
        return frame.scope === 'all' ? this.clear() : [];
    }
  }

  /** Drops everything. */
  clear(): FeedChange[] {
    this.#sequences.clear();
    this.#behind.clear();
    this.#token = null;
    return [{ kind: 'clear' }];
  }

  /**
   * Whether events of the chat are missing before those of the item. If the chat's history has just become invisible,
   * it looks the same, and the next walk would begin the chat anew: a walk from nothing is right then, too.
   */
  #hasHole(item: SyncItem): boolean {
    if ('left' in item || item.reset) return false;
    const last = this.#sequences.get(item.chatId);
    const next = (item.events as FeedEvent[]).map(({ data }) => (data as ChatEventData).sequence ?? 0);
    const [first] = next.filter((sequence) => sequence > (last ?? 0));
    return last !== undefined && first !== undefined && first > last + 1;
  }

  #applyItem(item: SyncItem): FeedChange[] {
    const { chatId } = item;
    if ('left' in item) {
      this.#forget(chatId);
      return [{ kind: 'left', chatId, hidden: item.hidden === true }];
    }
    const changes: FeedChange[] = [];
    if (item.reset) {
      this.#forget(chatId);
      changes.push({ kind: 'reset', chatId });
    }
    changes.push({ kind: 'chat', chat: item.chat });
    for (const event of item.events as FeedEvent[]) {
      const sequence = (event.data as ChatEventData).sequence ?? null;
      if (sequence === null || sequence <= (this.#sequences.get(chatId) ?? 0)) continue;
      this.#advance(chatId, sequence);
      changes.push({ kind: 'event', event, sequence });
    }
    return changes;
  }

  #applyEvent(event: FeedEvent): FeedChange[] {
    const { chatId, sequence = null, userId } = event.data as ChatEventData;
    if (chatId === undefined || sequence === null || event.type === 'command.rejected')
      return [{ kind: 'event', event, sequence: null }];
    const last = this.#sequences.get(chatId);
    if (last !== undefined && sequence <= last) return [];
    if (event.type === 'member.removed' && userId === this.#owner?.userId) {
      // Whatever is missing before it goes with the chat.
      this.#forget(chatId);
      return [
        { kind: 'event', event, sequence },
        { kind: 'left', chatId, hidden: false },
      ];
    }
    // The first event of a chat that is not here counts as its beginning.
    if (this.#behind.has(chatId) || (last !== undefined && sequence > last + 1)) {
      this.#fallBehind(chatId, sequence, false);
      return [];
    }
    this.#advance(chatId, sequence);
    return [{ kind: 'event', event, sequence }];
  }

  #advance(chatId: string, sequence: number): void {
    this.#sequences.set(chatId, sequence);
    const behind = this.#behind.get(chatId);
    if (behind !== undefined && behind.sequence <= sequence) this.#behind.delete(chatId);
  }

  #fallBehind(chatId: string, sequence: number, isAnnounced: boolean): void {
    const before = this.#behind.get(chatId);
    this.#behind.set(chatId, {
      sequence: Math.max(sequence, before?.sequence ?? 0),
      isAnnounced: isAnnounced || before?.isAnnounced === true,
    });
  }

  #forget(chatId: string): void {
    this.#sequences.delete(chatId);
    this.#behind.delete(chatId);
  }
}

/** Keeps nothing but the place, for programs that only listen. The events go to `onEvent`. */
export class PlaceOnly implements FeedStore {
  readonly #sequences = new Map<string, number>();
  #owner: FeedOwner | null = null;

  constructor(private resumeToken: string | null = null) {}

  async load(): Promise<StoredFeed> {
    return { owner: this.#owner, resumeToken: this.resumeToken, sequences: this.#sequences };
  }

  async apply(changes: readonly FeedChange[]): Promise<void> {
    for (const change of changes)
      switch (change.kind) {
        case 'owner':
          this.#owner = change.owner;
          break;
        case 'clear':
          this.#sequences.clear();
          this.resumeToken = null;
          break;
        case 'reset':
        case 'left':
          this.#sequences.delete(change.chatId);
          break;
        case 'event':
          if (change.sequence !== null && isOfChat(change.event))
            this.#sequences.set(change.event.data.chatId ?? '', change.sequence);
          break;
        case 'token':
          this.resumeToken = change.token;
          break;
        case 'chat':
      }
  }
}
