/** What a signed-in user sees and does. Views read the signals and call the methods. */
import type {
  CommandData,
  CommandType,
  RestAnswer,
  RestChat,
  RestFoundMessage,
  RestUser,
} from '@parley-chat/client/contract';
import {
  type ChatRecord,
  ChatStore,
  type ConnectionState,
  connectRealtime,
  type FeedEvent,
  IndexedDbStorage,
  type MessageRecord,
  type Presence,
  type RealtimeClient,
  RealtimeError,
  type StoreChange,
} from '@parley-chat/client/realtime';
import { batch, computed, signal } from '@preact/signals';
import { newId, Outbox, type Outgoing } from './outbox.js';
import { API_BASE, Rest, RestFailure } from './rest.js';
import { accountOf, type Tokens } from './sign-in.js';
import { Timeline } from './timeline.js';

/** What is shown beside the conversation. */
export type Panel =
  | { kind: 'thread'; chatId: string; rootId: string }
  | { kind: 'members'; chatId: string }
  /** `isInChat`: it begins with the chat on screen, not with all of them. */
  | { kind: 'search'; isInChat: boolean };

export interface Notice {
  id: number;
  kind: 'info' | 'refused';
  title: string;
  detail: string;
  decisionId: string | null;
  explanation: readonly string[];
}

/** Marks of a member in a chat: everything up to these sequences is delivered, and read. */
export interface Marks {
  delivered: number;
  read: number;
}

type ReaderPage = RestAnswer<'listReaders'>;
type MemberPage = RestAnswer<'listMembers'>;
export type Member = MemberPage['items'][number];
type SearchPage = RestAnswer<'searchMessages'>;
type Thread = RestAnswer<'getThread'>;

const LOCK_WAIT_MS = 400;
const TYPING_ENDS_AFTER_MS = 8_000;
const READ_DELAY_MS = 200;
const DELIVERED_INTERVAL_MS = 2_000;
const NOTICE_MS = 8_000;
const PROFILES_AT_ONCE = 100;
const WATCH_MAX = 200;
/** Chats whose messages stay in memory. */
const TIMELINES_MAX = 8;
const MENTION = /(?:^|[\s(])@([A-Za-z0-9_-][A-Za-z0-9_@:.+|-]{0,127})/gu;
const MENTIONS_MAX = 50;

export class ChatApp {
  readonly connection = signal<ConnectionState>({ kind: 'connecting', failures: 0 });
  readonly isOnline = signal(navigator.onLine);
  readonly me = signal<string | null>(null);
  readonly chats = signal<ReadonlyMap<string, ChatRecord>>(new Map());
  /** The latest message of each chat. */
  readonly latest = signal<ReadonlyMap<string, MessageRecord>>(new Map());
  /** Chats with an unread message that mentions the user. */
  readonly mentionedIn = signal<ReadonlySet<string>>(new Set());
  readonly profiles = signal<ReadonlyMap<string, RestUser | null>>(new Map());
  readonly presence = signal<ReadonlyMap<string, Presence>>(new Map());
  readonly typing = signal<ReadonlyMap<string, readonly string[]>>(new Map());
  readonly currentId = signal<string | null>(null);
  readonly panel = signal<Panel | null>(null);
  readonly notices = signal<readonly Notice[]>([]);
  /** For screen readers. */
  readonly announced = signal('');
  /** The message to show, by its sequence. A new object each time. */
  readonly target = signal<{ chatId: string; sequence: number } | null>(null);
  readonly replyTo = signal<MessageRecord | null>(null);
  readonly editing = signal<MessageRecord | null>(null);
  readonly current = computed(() => {
    const { value: id } = this.currentId;
    return id === null ? null : (this.chats.value.get(id) ?? null);
  });
  /** The chats to list, the latest activity first. */
  readonly listed = computed(() =>
    [...this.chats.value.values()]
      .filter(({ state }) => state !== null && !state.hidden)
      .sort((a, b) => (b.state?.lastActivityAt ?? '').localeCompare(a.state?.lastActivityAt ?? '')),
  );
  readonly unread = computed(() => this.listed.value.reduce((sum, { state }) => sum + (state?.unreadCount ?? 0), 0));

  readonly rest: Rest;
  readonly outbox: Outbox;
  #client: RealtimeClient | null = null;
  readonly #timelines = new Map<string, Timeline>();
  readonly #marks = signal<ReadonlyMap<string, ReadonlyMap<string, Marks>>>(new Map());
  readonly #typingTimers = new Map<string, number>();
  readonly #wantedProfiles = new Set<string>();
  readonly #askedProfiles = new Set<string>();
  readonly #deliveredTimers = new Map<string, number>();
  readonly #deliveredUpTo = new Map<string, number>();
  #readTimer: number | undefined;
  #noticeIds = 0;

  private constructor(
    private readonly store: ChatStore,
    private readonly tokens: Tokens,
    shelf: Storage,
    account: string,
    /** The name of the database. Null: nothing is kept in this browser. */
    private readonly database: string | null,
  ) {
    this.rest = new Rest((isRefused) => tokens.get(isRefused));
    this.outbox = new Outbox(shelf, `parley-chat-outbox ${account}`, {
      onAccepted: ({ chatId }) => this.outbox.settle(chatId, this.chats.value.get(chatId)?.lastSequence),
      onRefused: ({ failure }) => failure !== undefined && this.#refuse(failure.title, failure),
    });
  }

  /** Shows what this browser has kept, and connects. */
  static async open(tokens: Tokens): Promise<ChatApp> {
    const account = accountOf(await tokens.get(false));
    const database = `parley-chat ${account}`;
    // One tab of a user keeps the copy; further ones have their own in memory.
    const isKeeper = await holdLock(database);
    const storage = isKeeper ? new IndexedDbStorage(database) : undefined;
    const shelf = isKeeper ? localStorage : sessionStorage;
    const app = new ChatApp(new ChatStore(storage), tokens, shelf, account, isKeeper ? database : null);
    await app.#start();
    return app;
  }

  async #start(): Promise<void> {
    const { store } = this;
    await store.load().catch(() => undefined); // `connectRealtime` reports it.
    this.me.value = store.owner?.userId ?? null;
    store.onChange((change) => this.#changed(change));
    await this.#refresh();
    const client = connectRealtime({
      ...{ url: API_BASE.href, store, device: 'chat page' },
      token: (need) => this.tokens.get(need !== 'connect'),
      onState: (state) => this.#became(state),
      onEvent: (event) => this.#happened(event),
      onTyping: ({ chatId, userId, on }) => this.#typed(chatId, userId, on),
      onPresence: (presence) => {
        this.presence.value = new Map(this.presence.value).set(presence.userId, presence);
      },
      onError: (error) => console.warn(String(error)),
    });
    this.#client = client;
    this.outbox.start(client);
    addEventListener('online', () => this.#network());
    addEventListener('offline', () => this.#network());
    addEventListener('hashchange', () => this.#route());
    document.addEventListener('visibilitychange', () => this.#seen());
    for (const name of ['keydown', 'pointerdown']) addEventListener(name, () => client.active(), { passive: true });
    this.#route();
  }

  // What the user does

  /** Opens the search, or closes it if it is open and began in the same place. */
  toggleSearch(isInChat: boolean): void {
    const { value: panel } = this.panel;
    const isOpen = panel?.kind === 'search' && panel.isInChat === isInChat;
    this.panel.value = isOpen ? null : { kind: 'search', isInChat };
  }

  select(chatId: string | null): void {
    location.hash = chatId === null ? '' : `/${chatId}`;
    // At once, also where the hash is the same.
    this.#route();
  }

  send(text: string, options: { threadRootId?: string } = {}): void {
    const chatId = options.threadRootId === undefined ? this.currentId.value : this.#chatOfPanel();
    const body = text.trim();
    if (chatId === null || body === '') return;
    const reply = options.threadRootId === undefined ? this.replyTo.value : null;
    this.#submit('message.send', chatId, {
      body,
      ...{ mentions: this.mentionsIn(body, chatId) },
      ...(reply === null ? {} : { inReplyTo: reply.messageId }),
      ...options,
    });
    if (reply !== null) this.replyTo.value = null;
    this.#client?.typing(chatId, false);
  }

  /** Sends a refused message again, as a new one. */
  retry(item: Outgoing): void {
    this.outbox.remove(item.commandId);
    this.#submit(item.type, item.chatId, item.data);
  }

  edit(message: MessageRecord, text: string): void {
    const body = text.trim();
    this.editing.value = null;
    if (body === '' || body === message.body) return;
    const { chatId, messageId } = message;
    this.#submit('message.edit', chatId, { messageId, body, mentions: this.mentionsIn(body, chatId) });
  }

  remove({ chatId, messageId }: MessageRecord): void {
    this.#submit('message.delete', chatId, { messageId, mode: 'soft' });
  }

  react({ chatId, messageId, reactions }: MessageRecord, emoji: string): void {
    const isMine = reactions.some((reaction) => reaction.emoji === emoji && reaction.mine);
    this.#submit(isMine ? 'message.unreact' : 'message.react', chatId, { messageId, emoji });
  }

  addMembers(chatId: string, userIds: string[]): void {
    this.#submit('member.add', chatId, { userIds });
  }

  removeMember(chatId: string, userId: string): void {
    this.#submit('member.remove', chatId, { userId });
  }

  rename(chatId: string, title: string): void {
    this.#submit('chat.update', chatId, { title: title.trim() === '' ? null : title.trim() });
  }

  /** Resolves with the chat's id. Null: it was refused, and a notice says why. */
  async create(kind: 'direct' | 'group', memberIds: string[], title: string): Promise<string | null> {
    const body = { kind, memberIds, ...(title.trim() === '' ? {} : { title: title.trim() }) };
    try {
      const { chatId } = await this.rest.createChat(body, newId());
      if (chatId !== null) this.select(chatId);
      return chatId;
    } catch (error) {
      this.#failed(error);
      return null;
    }
  }

  type(text: string): void {
    const { value: chatId } = this.currentId;
    if (chatId !== null) this.#client?.typing(chatId, text !== '');
  }

  async search(q: string, chatId: string | null): Promise<readonly RestFoundMessage[]> {
    const where = chatId === null ? {} : { chatId };
    return ((await this.rest.get<'searchMessages'>('search/messages', { q, limit: '50', ...where })) as SearchPage)
      .items;
  }

  findUsers(q: string): Promise<readonly RestUser[]> {
    return this.rest.get<'findUsers'>('users', { q, limit: '8' }).then(
      ({ items }) => items,
      () => [],
    );
  }

  thread(chatId: string, rootId: string): Promise<Thread> {
    return this.rest.get<'getThread'>(`chats/${chatId}/messages/${rootId}/thread`, { after: '0', limit: '200' });
  }

  members(chatId: string): Promise<readonly Member[]> {
    return this.rest.get<'listMembers'>(`chats/${chatId}/members`, { limit: '200' }).then(({ items }) => items);
  }

  /** Shows a message in its chat. */
  show(chatId: string, sequence: number): void {
    this.select(chatId);
    this.target.value = { chatId, sequence };
  }

  /** The chat is on screen, up to its end. */
  atEnd(chatId: string): void {
    if (this.#readTimer !== undefined) return;
    this.#readTimer = window.setTimeout(() => {
      this.#readTimer = undefined;
      const state = this.chats.value.get(chatId)?.state;
      if (document.visibilityState !== 'visible' || this.currentId.value !== chatId) return;
      if (state === null || state === undefined || state.membership.readSequence >= state.lastSequence) return;
      if (state.unreadCount === 0) return;
      this.#hint('chat.read', chatId, { upTo: state.lastSequence });
      this.#forgetMention(chatId);
    }, READ_DELAY_MS);
  }

  dismiss(id: number): void {
    this.notices.value = this.notices.value.filter((notice) => notice.id !== id);
  }

  /** Asks the server why it refused. */
  async explain({ id, decisionId }: Notice): Promise<void> {
    if (decisionId === null) return;
    try {
      const { explanation } = await this.rest.get<'getDecision'>(`decisions/${decisionId}`);
      this.notices.value = this.notices.value.map((notice) => (notice.id === id ? { ...notice, explanation } : notice));
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Ends the connection. `forget`: also deletes the copy in this browser. */
  async close(forget: boolean): Promise<void> {
    await this.#client?.close();
    this.store.close();
    if (!forget) return;
    this.outbox.clear();
    if (this.database !== null) indexedDB.deleteDatabase(this.database);
  }

  // What views show

  timeline(chat: ChatRecord): Timeline {
    const known = this.#timelines.get(chat.chatId);
    if (known !== undefined && known.first === Math.max(1, chat.firstSequence)) return known;
    const timeline = new Timeline(this.store, chat.chatId, Math.max(1, chat.firstSequence), chat.lastSequence);
    this.#timelines.set(chat.chatId, timeline);
    const [oldest] = this.#timelines.keys();
    if (this.#timelines.size > TIMELINES_MAX && oldest !== undefined) this.#timelines.delete(oldest);
    return timeline;
  }

  nameOf(userId: string): string {
    const profile = this.profiles.value.get(userId);
    if (profile === undefined) this.#wantProfile(userId);
    return profile?.displayName ?? userId;
  }

  /** The other user of a direct chat. Null for other chats. */
  peerOf(chat: ChatRecord): string | null {
    if (chat.state?.kind !== 'direct') return null;
    const { value: me } = this.me;
    return [...chat.members.keys()].find((userId) => userId !== me) ?? me;
  }

  titleOf(chat: ChatRecord): string {
    const title = chat.state?.title;
    if (title !== null && title !== undefined) return title;
    const peer = this.peerOf(chat);
    if (peer !== null) return this.nameOf(peer);
    const others = [...chat.members.keys()].filter((userId) => userId !== this.me.value);
    return others.length === 0
      ? 'Group'
      : others
          .slice(0, 4)
          .map((userId) => this.nameOf(userId))
          .join(', ');
  }

  /** How far others have got, without the user. */
  marksOf(chat: ChatRecord): ReadonlyMap<string, Marks> {
    const asked = this.#marks.value.get(chat.chatId);
    const marks = new Map<string, Marks>();
    for (const userId of chat.members.keys()) {
      if (userId === this.me.value) continue;
      const { delivered = 0, read = 0 } = asked?.get(userId) ?? {};
      const nowRead = Math.max(read, chat.readMarks.get(userId) ?? 0);
      marks.set(userId, {
        read: nowRead,
        delivered: Math.max(delivered, nowRead, chat.deliveryMarks.get(userId) ?? 0),
      });
    }
    return marks;
  }

  mentionsIn(text: string, chatId: string): string[] {
    const members = this.chats.value.get(chatId)?.members ?? new Map();
    const found = [...text.matchAll(MENTION)].flatMap(([, name = '']) => {
      // A full stop or a colon at the end belongs to the sentence.
      const userId = members.has(name) ? name : name.replace(/[.:+|-]+$/, '');
      return members.has(userId) ? [userId] : [];
    });
    return [...new Set(found)].slice(0, MENTIONS_MAX);
  }

  // What happens

  #submit<T extends CommandType>(type: T, chatId: string, data: CommandData[T]): void {
    if (this.#client !== null) this.outbox.submit(this.#client, type, chatId, data);
  }

  /** A command that need not be kept: the next one says more. */
  #hint(type: 'chat.read' | 'chat.delivered', chatId: string, data: { upTo: number }): void {
    this.#client?.send(type, { chatId, data }).catch(() => undefined);
  }

  #became(state: ConnectionState): void {
    this.connection.value = state;
    if (state.kind === 'syncing' || state.kind === 'live') this.me.value = state.connection.userId;
    if (state.kind === 'live') {
      for (const { chatId } of this.chats.value.values()) this.#delivered(chatId);
      this.#watch();
    }
    if (state.kind === 'ended' && state.cause.code === 'other_user' && this.database !== null)
      indexedDB.deleteDatabase(this.database);
  }

  #network(): void {
    this.isOnline.value = navigator.onLine;
    if (navigator.onLine) this.#client?.wake();
  }

  #seen(): void {
    if (document.visibilityState !== 'visible') return;
    this.#client?.wake();
    const { value: chat } = this.current;
    // The list tells again whether its end is on screen.
    if (chat !== null) this.timeline(chat).version.value += 1;
  }

  #route(): void {
    const chatId = /^#\/([0-9a-f-]{36})$/.exec(location.hash)?.[1] ?? null;
    const { value: before } = this.currentId;
    if (before === chatId) return;
    batch(() => {
      this.currentId.value = chatId;
      this.target.value = null;
      this.replyTo.value = null;
      this.editing.value = null;
      if (this.panel.value?.kind !== 'search') this.panel.value = null;
    });
    if (before !== null) this.#client?.closeChat(before);
    if (chatId !== null) this.#opened(chatId);
  }

  #opened(chatId: string): void {
    try {
      this.#client?.openChat(chatId);
    } catch (error) {
      if (!(error instanceof RealtimeError)) throw error;
    }
    this.#watch();
    void this.#askMarks(chatId);
  }

  #changed(change: StoreChange): void {
    const { chats } = this.store;
    batch(() => {
      this.#dropped(change);
      this.chats.value = chats;
      const latest = new Map(change.cleared ? [] : this.latest.value);
      for (const chatId of change.dropped) latest.delete(chatId);
      for (const [chatId, messages] of change.messages) {
        for (const message of messages)
          if (message.sequence >= (latest.get(chatId)?.sequence ?? 0)) latest.set(chatId, message);
      }
      this.latest.value = latest;
      for (const chatId of change.chatIds) {
        const chat = chats.get(chatId);
        if (chat !== undefined) this.#timelines.get(chatId)?.apply(change, chat.lastSequence);
        this.outbox.settle(chatId, chat?.lastSequence);
        if (chat?.state?.unreadCount === 0) this.#forgetMention(chatId);
      }
    });
    for (const chatId of change.messages.keys()) this.#delivered(chatId);
    const { value: currentId } = this.currentId;
    if (currentId !== null && change.chatIds.has(currentId)) this.#watch();
  }

  /** The chat on screen can have ended. */
  #dropped({ dropped }: StoreChange): void {
    for (const chatId of dropped) {
      this.#timelines.delete(chatId);
      const before = this.chats.value.get(chatId);
      if (this.store.chats.has(chatId) || this.currentId.value !== chatId || before === undefined) continue;
      this.#note('info', `You are not in “${this.titleOf(before)}” any more.`, '');
      queueMicrotask(() => this.select(null));
    }
  }

  #happened({ type, data }: FeedEvent): void {
    const { value: me } = this.me;
    if (type === 'user.upserted') {
      const { value: profiles } = this.profiles;
      if (profiles.has(data.userId)) this.#askProfiles([data.userId]);
      return;
    }
    if (type !== 'message.created') return;
    this.#typed(data.chatId, data.senderId, false);
    this.outbox.remove(data.commandId);
    if (data.senderId === me || data.body === null || this.connection.value.kind !== 'live') return;
    const chat = this.store.chats.get(data.chatId);
    if (data.chatId === this.currentId.value || data.mentions.includes(me ?? ''))
      this.announced.value = `${this.nameOf(data.senderId)}: ${data.body}`;
    if (data.mentions.includes(me ?? '') && (chat?.state?.unreadCount ?? 0) > 0)
      this.mentionedIn.value = new Set(this.mentionedIn.value).add(data.chatId);
  }

  #forgetMention(chatId: string): void {
    if (!this.mentionedIn.value.has(chatId)) return;
    this.mentionedIn.value = new Set([...this.mentionedIn.value].filter((id) => id !== chatId));
  }

  #typed(chatId: string, userId: string, on: boolean): void {
    const key = `${chatId} ${userId}`;
    clearTimeout(this.#typingTimers.get(key));
    this.#typingTimers.delete(key);
    const others = (this.typing.value.get(chatId) ?? []).filter((name) => name !== userId);
    if (!on && others.length === (this.typing.value.get(chatId) ?? []).length) return;
    this.typing.value = new Map(this.typing.value).set(chatId, on ? [...others, userId] : others);
    if (!on) return;
    const end = () => this.#typed(chatId, userId, false);
    this.#typingTimers.set(key, window.setTimeout(end, TYPING_ENDS_AFTER_MS));
  }

  /** Tells the others that the messages have arrived, at most once per interval. */
  #delivered(chatId: string): void {
    if (this.#deliveredTimers.has(chatId) || this.connection.value.kind !== 'live') return;
    const chat = this.store.chats.get(chatId);
    if (chat === undefined || (chat.state?.unreadCount ?? 0) === 0) return;
    const known = chat.state?.membership.deliveredSequence ?? 0;
    if (chat.lastSequence <= Math.max(known, this.#deliveredUpTo.get(chatId) ?? 0)) return;
    this.#deliveredUpTo.set(chatId, chat.lastSequence);
    this.#hint('chat.delivered', chatId, { upTo: chat.lastSequence });
    const again = () => {
      this.#deliveredTimers.delete(chatId);
      this.#delivered(chatId);
    };
    this.#deliveredTimers.set(chatId, window.setTimeout(again, DELIVERED_INTERVAL_MS));
  }

  /** Presence of the other users of direct chats, and of the chat on screen. */
  #watch(): void {
    const { value: me } = this.me;
    const onScreen = [...(this.current.value?.members.keys() ?? [])];
    const peers = this.listed.value.flatMap((chat) => this.peerOf(chat) ?? []);
    const wanted = [...new Set([...onScreen, ...peers])].filter((userId) => userId !== me).slice(0, WATCH_MAX);
    const key = wanted.join(' ');
    if (key === this.#watched && this.connection.value.kind === 'live') return;
    this.#watched = key;
    try {
      this.#client?.watch(wanted);
    } catch (error) {
      if (!(error instanceof RealtimeError)) throw error;
    }
  }
  #watched = '';

  /** The marks from before the connection, at the user's latest message and at an earlier one. */
  async #askMarks(chatId: string): Promise<void> {
    const { value: me } = this.me;
    const chat = this.chats.value.get(chatId);
    if (chat === undefined || chat.members.size > WATCH_MAX) return;
    const own = (await this.store.messages(chatId)).filter(
      (message) => message.senderId === me && message.deleted === null,
    );
    for (const message of new Set([own.at(-1), own.at(0)])) {
      if (message === undefined) continue;
      const path = `chats/${chatId}/messages/${message.messageId}/readers`;
      const page = await this.rest.get<'listReaders'>(path, { mark: 'delivered', limit: '200' }).catch(() => null);
      if (page !== null) this.#keepMarks(chatId, page);
    }
  }

  #keepMarks(chatId: string, { items }: ReaderPage): void {
    const marks = new Map(this.#marks.value.get(chatId));
    for (const { userId, readSequence: read, deliveredSequence: delivered } of items)
      marks.set(userId, { read, delivered });
    this.#marks.value = new Map(this.#marks.value).set(chatId, marks);
  }

  /** Shows the copy of this browser. */
  async #refresh(): Promise<void> {
    const { chats } = this.store;
    const latest = new Map<string, MessageRecord>();
    for (const chatId of chats.keys()) {
      const [message] = await this.store.messages(chatId, { limit: 1 });
      if (message !== undefined) latest.set(chatId, message);
    }
    batch(() => {
      this.chats.value = chats;
      this.latest.value = latest;
    });
  }

  #wantProfile(userId: string): void {
    if (this.#askedProfiles.has(userId)) return;
    this.#askedProfiles.add(userId);
    if (this.#wantedProfiles.size === 0)
      queueMicrotask(() => {
        const wanted = [...this.#wantedProfiles];
        this.#wantedProfiles.clear();
        for (let at = 0; at < wanted.length; at += PROFILES_AT_ONCE)
          this.#askProfiles(wanted.slice(at, at + PROFILES_AT_ONCE));
      });
    this.#wantedProfiles.add(userId);
  }

  #askProfiles(userIds: string[]): void {
    const keep = (found: readonly RestUser[]) => {
      const profiles = new Map(this.profiles.value);
      for (const userId of userIds)
        profiles.set(userId, found.find((user) => user.userId === userId) ?? profiles.get(userId) ?? null);
      this.profiles.value = profiles;
    };
    this.rest.get<'findUsers'>('users', { ids: userIds.join(',') }).then(
      ({ items }) => keep(items),
      () => keep([]),
    );
  }

  #failed(error: unknown): void {
    if (error instanceof RestFailure) this.#refuse(error.title, error);
    else this.#note('refused', 'That did not work', String(error));
  }

  #refuse(
    title: string,
    { detail = '', decisionId }: { detail?: string | undefined; decisionId: string | null },
  ): void {
    this.#note('refused', title, detail, decisionId);
  }

  #note(kind: Notice['kind'], title: string, detail: string, decisionId: string | null = null): void {
    this.#noticeIds += 1;
    const id = this.#noticeIds;
    this.notices.value = [...this.notices.value.slice(-3), { id, kind, title, detail, decisionId, explanation: [] }];
    if (kind === 'info') setTimeout(() => this.dismiss(id), NOTICE_MS);
  }

  #chatOfPanel(): string | null {
    const { value: panel } = this.panel;
    return panel?.kind === 'thread' ? panel.chatId : null;
  }
}

/** Held until the page goes. False: another tab has it, or this page is not in a secure context. */
async function holdLock(name: string): Promise<boolean> {
  if (!('locks' in navigator) || !('indexedDB' in window)) return false;
  return new Promise((resolve) => {
    // The page before, which is being reloaded, may hold it for a moment.
    const signal = AbortSignal.timeout(LOCK_WAIT_MS);
    navigator.locks
      .request(name, { signal }, () => {
        resolve(true);
        return new Promise(() => undefined);
      })
      .catch(() => resolve(false));
  });
}

export type { RestChat };
