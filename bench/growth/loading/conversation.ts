/** The traffic of users in small chats. Every command makes an event, so that a ledger can be kept. */

import { zipf } from '../../population/zipf.js';
import type { TrafficCommand } from '../chat-traffic.js';
import { Random } from './random.js';
import { Texts } from './texts.js';

const BODY_BYTES = 200;
/**
 * Shares in percent; the rest are messages. If there is nothing to read, edit or react to, a message is sent instead.
 */
const READS = 20;
const EDITS = 4;
const REACTIONS = 6;
/** Number of recent messages that can be edited or reacted to. */
const REMEMBERED = 1_000;
/** A read mark past the end of the chat marks everything. */
const EVERYTHING = Number.MAX_SAFE_INTEGER;

interface Said {
  chatId: string;
  actorId: string;
  messageId: string;
}

/** Number of groups of two. */
export class Conversation {
  readonly chatIds: string[];
  private readonly random: Random;
  private readonly texts: Texts;
  private readonly pick: () => number;
  /** For each chat, a member who has unread messages. */
  private readonly behind: (0 | 1 | null)[];
  private readonly sent = new Map<string, Omit<Said, 'messageId'>>();
  private readonly said: Said[] = [];

  constructor(chats: number, seed = 1) {
    this.random = new Random(seed);
    this.texts = new Texts(this.random, BODY_BYTES);
    this.chatIds = Array.from({ length: chats }, () => this.random.uuid());
    this.pick = zipf(chats, seed);
    this.behind = Array.from({ length: chats }, () => null);
  }

  *creations(): Generator<TrafficCommand> {
    for (const [chat, chatId] of this.chatIds.entries())
      yield this.command('chat.create', chat, 0, { kind: 'group', memberIds: [member(chatId, 1)] });
  }

  *messages(count: number): Generator<TrafficCommand> {
    for (let n = 0; n < count; n += 1) yield this.message();
  }

  *acts(count: number): Generator<TrafficCommand> {
    for (let n = 0; n < count; n += 1) {
      const drawn = this.random.below(100);
      if (drawn < READS) yield this.read();
      else if (drawn < READS + EDITS + REACTIONS) yield this.change(drawn < READS + EDITS);
      else yield this.message();
    }
  }

  /** Records accepted commands, since only existing messages can be edited. */
  accepted(commandId: string, receipt: Buffer): void {
    const sent = this.sent.get(commandId);
    if (sent === undefined) return;
    this.sent.delete(commandId);
    const messageId = /"messageId":"([^"]+)"/.exec(receipt.toString('latin1'))?.[1];
    if (messageId !== undefined && this.said.length < REMEMBERED) this.said.push({ ...sent, messageId });
  }

  private message(): TrafficCommand {
    const chat = this.pick();
    const actor = this.random.below(2) as 0 | 1;
    this.behind[chat] = actor === 0 ? 1 : 0;
    const command = this.command('message.send', chat, actor, { body: this.texts.next() });
    this.sent.set(command.commandId, { chatId: command.chatId, actorId: command.actorId });
    return command;
  }

  private read(): TrafficCommand {
    const chat = this.pick();
    const who = this.behind[chat] ?? null;
    if (who === null) return this.message();
    this.behind[chat] = null;
    return this.command('chat.read', chat, who, { upTo: EVERYTHING });
  }

  private change(isEdit: boolean): TrafficCommand {
    const said = this.said.shift();
    if (said === undefined) return this.message();
    const { chatId, actorId, messageId } = said;
    const commandId = this.random.uuid();
    return isEdit
      ? { type: 'message.edit', commandId, chatId, actorId, data: { messageId, body: this.texts.next() } }
      : { type: 'message.react', commandId, chatId, actorId, data: { messageId, emoji: '👍' } };
  }

  private command(type: string, chat: number, actor: 0 | 1, data: object): TrafficCommand {
    const chatId = this.chatIds[chat] ?? '';
    return { type, commandId: this.random.uuid(), chatId, actorId: member(chatId, actor), data };
  }
}

const member = (chatId: string, index: 0 | 1) => `u${index}-${chatId.slice(0, 8)}`;
