/**
 * Every row of a loaded store, as Parley would have written it: lines in the text format of COPY, in the order of time.
 */
import { storedReceiptKey } from '../../../src/adapters/stores/prisma/receipts/receipt-key.js';
import { toReceiptRow } from '../../../src/adapters/stores/prisma/receipts/receipt-rows.js';
import { senderKey, wordsColumn } from '../../../src/adapters/stores/prisma/search/search-columns.js';
import { acceptedReceipt } from '../../../src/application/idempotency/accepted-receipt.js';
import { contentHash } from '../../../src/contract/messages/content-hash.js';
import { indexedWords } from '../../../src/domain/search/indexed-words.js';
import { LOAD_DAYS, type LoadedChats, type LoadSize, MEMBERS_A_COMMAND, TENANT_ID } from './loaded-chats.js';
import { Random } from './random.js';
import { Texts } from './texts.js';

const DAY_MS = 24 * 3_600_000;
/** The default of `RECEIPT_RETENTION`. */
const RECEIPT_RETENTION_MS = 3 * DAY_MS;
/** After one in so many messages another member marks the chat as read. */
const READ_EVERY = 20;
/** How much higher than the mean the traffic is at noon, and lower at midnight. */
const DAY_RHYTHM = 0.8;

/** Columns in the order of the lines. */
export const COLUMNS = {
  chats: `chat_id, tenant_id, partition, kind, title, metadata, created_by, created_at, last_sequence, last_ordinal, member_count,
    owner_count, last_activity_at, last_position`,
  members: `chat_id, user_id, tenant_id, role, joined_at, joined_sequence, read_sequence, read_ordinal, read_position`,
  messages: `chat_id, sequence, message_id, tenant_id, ordinal, sender_id, revision, body, created_at, command_uuid`,
  message_search: `message_id, created_at, revision, chat_key, sender_key, words`,
  chat_events: `partition, position, type, tenant_id, chat_id, sequence, actor_id, command_id, at, payload`,
  receipts: `slot, key, content_hash, chat_id, message_id, decision_id, sequence, at, tenant_id, actor_id, rest`,
} as const;
export type LoadedTable = keyof typeof COLUMNS;

/** Takes a line, without its newline, for a partition's part of a table. Returns a promise if the caller must wait. */
export type TakeLine = (table: LoadedTable, partition: number, line: string) => Promise<void> | undefined;

interface Act {
  chat: number;
  type: 'chat.created' | 'member.added' | 'message.created' | 'chat.read';
  actorId: string;
  commandId: string;
  at: string;
  /** Null for `message.created`. */
  payload: object | null;
}

export class LoadedRows {
  /** The last position of the log of each partition. */
  readonly positions: Float64Array;
  private readonly random: Random;
  private readonly texts: Texts;
  private readonly beganAt: number;

  constructor(
    private readonly size: LoadSize,
    private readonly chats: LoadedChats,
    private readonly take: TakeLine,
  ) {
    this.positions = new Float64Array(size.partitions);
    this.random = new Random(size.seed + 1);
    this.texts = new Texts(this.random, size.bodyBytes);
    this.beganAt = size.until.getTime() - LOAD_DAYS * DAY_MS;
  }

  /** The chats with their members, before the first message. */
  async createChats(): Promise<void> {
    const at = new Date(this.beganAt - DAY_MS).toISOString();
    for (const [chat, size] of this.chats.sizes.entries()) {
      const ownerId = this.chats.user(chat, 0);
      const create = { chat, actorId: ownerId, at };
      for (let first = 0; first < size; ) {
        const isNew = first === 0;
        const count = Math.min(size - first, isNew ? MEMBERS_A_COMMAND + 1 : MEMBERS_A_COMMAND);
        const indexes = Array.from({ length: count }, (_, index) => first + index);
        const members = indexes.map((index) => ({
          userId: this.chats.user(chat, index),
          role: index === 0 ? 'owner' : 'member',
        }));
        const sequence = this.takeNumber(chat);
        for (const index of indexes) {
          this.chats.joinedSequence[this.chats.offset(chat) + index] = sequence;
          this.chats.readSequence[this.chats.offset(chat) + index] = sequence;
        }
        const commandId = this.random.uuid();
        const payload = isNew
          ? { kind: 'group', title: `Chat ${chat}`, historyVisibility: 'full', metadata: {}, members }
          : { members };
        await this.event({ ...create, type: isNew ? 'chat.created' : 'member.added', commandId, payload }, sequence);
        first += count;
      }
      this.chats.lastActivityAt[chat] = Date.parse(at);
    }
  }

  /** @param onProgress called regularly with the number of messages so far */
  async sendMessages(onProgress: (done: number) => void): Promise<void> {
    const { messages, until } = this.size;
    const { chats, random } = this;
    const receiptsFrom = until.getTime() - RECEIPT_RETENTION_MS;
    for (let n = 0; n < messages; n += 1) {
      const chat = chats.pick();
      const time = this.timeOf(n);
      const at = new Date(time).toISOString();
      const index = random.below(chats.sizes[chat] ?? 0);
      const actorId = chats.user(chat, index);
      const [commandId, messageId, body] = [random.uuid(), random.orderedUuid(time), this.texts.next()];
      const sequence = this.takeNumber(chat);
      const ordinal = (chats.lastOrdinal[chat] ?? 0) + 1;
      chats.lastOrdinal[chat] = ordinal;
      chats.lastActivityAt[chat] = time;
      this.mark(chat, index, sequence, ordinal);
      const chatId = chats.ids[chat] ?? '';
      const line = `${chatId}\t${sequence}\t${messageId}\t${TENANT_ID}\t${ordinal}\t${actorId}\t1\t${body}\t${at}\t${commandId}`;
      await this.put('messages', chat, line);
      const keys = `${Number.parseInt(chatId.slice(-8), 16) | 0}\t${senderKey(actorId)}`;
      const words = wordsColumn(indexedWords(body), null).replace('\n', '\\n');
      await this.put('message_search', chat, `${messageId}\t${at}\t1\t${keys}\t${words}`);
      await this.event({ chat, type: 'message.created', actorId, commandId, at, payload: null }, sequence);
      if (time >= receiptsFrom) {
        const receipt = { messageId, sequence, decisionId: random.orderedUuid(time) };
        const command = { type: 'message.send', commandId, actorId, chatId, at, data: { body } };
        await this.receipt(chat, command, receipt);
      }
      if (n % READ_EVERY === 0) await this.read(chat, random.below(chats.sizes[chat] ?? 0), at, time >= receiptsFrom);
      if (n % 1_000 === 0) onProgress(n);
    }
  }

  /** The final state of the chats. */
  async finish(): Promise<void> {
    const { chats } = this;
    const created = new Date(this.beganAt - DAY_MS).toISOString();
    for (const [chat, chatId] of chats.ids.entries()) {
      const size = chats.sizes[chat] ?? 0;
      const numbers = `${chats.lastSequence[chat]}\t${chats.lastOrdinal[chat]}\t${size}\t1`;
      const active = new Date(chats.lastActivityAt[chat] ?? 0).toISOString();
      const who = `${chats.partitions[chat]}\tgroup\tChat ${chat}\t{}\t${chats.user(chat, 0)}`;
      await this.put(
        'chats',
        chat,
        `${chatId}\t${TENANT_ID}\t${who}\t${created}\t${numbers}\t${active}\t${chats.lastPosition[chat]}`,
      );
      for (let index = 0; index < size; index += 1) {
        const at = chats.offset(chat) + index;
        const marks = `${chats.joinedSequence[at]}\t${chats.readSequence[at]}\t${chats.readOrdinal[at]}\t${chats.readPosition[at]}`;
        const role = index === 0 ? 'owner' : 'member';
        await this.put(
          'members',
          chat,
          `${chatId}\t${chats.user(chat, index)}\t${TENANT_ID}\t${role}\t${created}\t${marks}`,
        );
      }
    }
  }

  /** Distributes messages over the days, more by day than by night. Each message is later than the one before. */
  private timeOf(n: number): number {
    const day = (LOAD_DAYS * (n + 1)) / this.size.messages;
    return Math.floor(this.beganAt + (day - (DAY_RHYTHM * Math.sin(2 * Math.PI * day)) / (2 * Math.PI)) * DAY_MS);
  }

  private async read(chat: number, index: number, at: string, hasReceipt: boolean): Promise<void> {
    const { chats, random } = this;
    const upTo = chats.lastSequence[chat] ?? 0;
    if ((chats.readSequence[chats.offset(chat) + index] ?? 0) >= upTo) return;
    const [actorId, commandId] = [chats.user(chat, index), random.uuid()];
    const payload = { userId: actorId, upTo };
    const position = await this.event({ chat, type: 'chat.read', actorId, commandId, at, payload }, null);
    this.mark(chat, index, upTo, chats.lastOrdinal[chat] ?? 0);
    chats.readPosition[chats.offset(chat) + index] = position;
    const command = { type: 'chat.read', commandId, actorId, chatId: chats.ids[chat] ?? '', at, data: { upTo } };
    if (hasReceipt) await this.receipt(chat, command, { decisionId: random.orderedUuid(Date.parse(at)) });
  }

  private mark(chat: number, index: number, sequence: number, ordinal: number): void {
    const at = this.chats.offset(chat) + index;
    this.chats.readSequence[at] = sequence;
    this.chats.readOrdinal[at] = ordinal;
  }

  private takeNumber(chat: number): number {
    const sequence = (this.chats.lastSequence[chat] ?? 0) + 1;
    this.chats.lastSequence[chat] = sequence;
    return sequence;
  }

  /** @returns its position in the log */
  private async event({ chat, type, actorId, commandId, at, payload }: Act, sequence: number | null): Promise<number> {
    const partition = this.chats.partitions[chat] ?? 0;
    const position = (this.positions[partition] ?? 0) + 1;
    this.positions[partition] = position;
    if (sequence !== null) this.chats.lastPosition[chat] = position;
    const json = payload === null ? '\\N' : JSON.stringify(payload);
    const chatId = this.chats.ids[chat];
    const line = `${partition}\t${position}\t${type}\t${TENANT_ID}\t${chatId}\t${sequence ?? '\\N'}\t${actorId}\t${commandId}\t${at}\t${json}`;
    await this.put('chat_events', chat, line);
    return position;
  }

  private async receipt(
    chat: number,
    command: { type: string; commandId: string; actorId: string; chatId: string; at: string; data: object },
    came: object,
  ): Promise<void> {
    const { type, commandId, actorId, chatId, at, data } = command;
    const identity = { type, commandId, tenantId: TENANT_ID, actorId, chatId };
    const receipt = { ...acceptedReceipt(identity as Parameters<typeof acceptedReceipt>[0], at), ...came };
    const hashed = contentHash(type, { tenantId: TENANT_ID, actorId, chatId, data });
    const row = toReceiptRow({ ...identity, contentHash: hashed, receipt, at: new Date(at) });
    const ids = [row.chatId, row.messageId, row.decisionId, row.sequence].map((value) => value ?? '\\N').join('\t');
    const key = storedReceiptKey(identity);
    await this.put(
      'receipts',
      chat,
      `0\t${key}\t${row.contentHash}\t${ids}\t${at}\t${TENANT_ID}\t${actorId}\t${row.rest}`,
    );
  }

  private async put(table: LoadedTable, chat: number, line: string): Promise<void> {
    const wait = this.take(table, this.chats.partitions[chat] ?? 0, line);
    if (wait !== undefined) await wait;
  }
}
