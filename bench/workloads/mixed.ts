import type { Receipt } from '../../src/contract/messages/receipts.js';
import type { Bodies } from '../population/bodies.js';
import type { Population } from '../population/population.js';
import { seededRandom } from '../population/random.js';
import { zipf } from '../population/zipf.js';
import type { BenchCommand } from '../quota/workload.js';
import type { Load } from './load.js';
import { Sends } from './steady.js';

export const MIX = { send: 0.6, edit: 0.1, react: 0.15, read: 0.12, delete: 0.03 } as const;
type Kind = keyof typeof MIX;
const KINDS = Object.keys(MIX) as Kind[];

/** Number of recent messages that can be edited, reacted to and deleted. */
const KNOWN_MAX = 5_000;
/** Each reaction is new for its message, so each one changes something. */
const EMOJI = ['👍', '❤️', '😂', '🎉', '🙏', '👀', '🔥', '😮', '😢', '💯', '✅', '🚀'];

interface Known {
  chat: number;
  messageId: string;
  senderId: string;
  sequence: number;
  reactions: number;
}

/**
 * W3: sends, edits, reactions, read marks and deletions in these shares. Edits, reactions and deletions use messages
 * whose receipts have arrived. The kind that is furthest behind its share comes next, so that the shares are met
 * although the first commands must be sends.
 */
export class MixedWorkload implements Load {
  private readonly known: Known[] = [];
  /** Messages accepted in this run. The chat's last member, who sends nothing in it, marks them as read. */
  private unread: Known[] = [];
  private readTo = new Map<number, number>();

  constructor(
    private readonly population: Population,
    private readonly bodies: Bodies,
  ) {}

  *commands(count: number, prefix: string, seed: number): Generator<BenchCommand> {
    this.unread = [];
    this.readTo = new Map();
    const sends = new Sends(this.population, this.bodies, seed);
    const pickChat = zipf(this.population.chats, seed);
    const random = seededRandom(seed);
    const text = this.bodies.series(seed + 1);
    const done: Record<Kind, number> = { send: 0, edit: 0, react: 0, read: 0, delete: 0 };
    const behind = (kind: Kind, index: number) => MIX[kind] * (index + 1) - done[kind];
    for (let index = 0; index < count; index += 1) {
      const commandId = `${prefix}${index}`;
      const byNeed = KINDS.toSorted((a, b) => behind(b, index) - behind(a, index));
      for (const kind of byNeed) {
        const command =
          kind === 'send' ? this.send(sends, commandId, pickChat()) : this.act(kind, commandId, random, text);
        if (command === null) continue;
        done[kind] += 1;
        yield command;
        break;
      }
    }
  }

  learn({ type, chatId, actorId }: BenchCommand, { status, messageId, sequence }: Receipt): void {
    const chat = this.population.indexOf(chatId);
    if (type !== 'message.send' || status !== 'accepted' || chat === -1 || !messageId || !sequence) return;
    const message = { chat, messageId, senderId: actorId, sequence, reactions: 0 };
    this.unread.push(message);
    this.known.push(message);
    if (this.known.length > KNOWN_MAX) this.known.shift();
  }

  private send(sends: Sends, commandId: string, chat: number): BenchCommand {
    return sends.next(commandId, chat, this.population.size(chat) - 1);
  }

  /** Null: no message is available for it yet. */
  private act(
    kind: Exclude<Kind, 'send'>,
    commandId: string,
    random: () => number,
    text: () => string,
  ): BenchCommand | null {
    if (kind === 'read') return this.read(commandId);
    const index = Math.floor(random() * this.known.length);
    const message = this.known[index];
    if (message === undefined) return null;
    const { chat, messageId, senderId } = message;
    const command = (type: string, event: string, data: object): BenchCommand => ({
      ...{ type, commandId, chatId: this.population.chatId(chat), actorId: senderId, data },
      expects: { answer: 'accepted', event, isStored: true },
    });
    switch (kind) {
      case 'edit':
        return command('message.edit', 'message.edited', { messageId, body: text() });
      case 'react': {
        const emoji = EMOJI[message.reactions];
        if (emoji === undefined) return null;
        message.reactions += 1;
        return command('message.react', 'message.reacted', { messageId, emoji });
      }
      case 'delete':
        this.known.splice(index, 1);
        return command('message.delete', 'message.deleted', { messageId, mode: 'soft' });
    }
  }

  private read(commandId: string): BenchCommand | null {
    for (let message = this.unread.pop(); message !== undefined; message = this.unread.pop()) {
      const { chat, sequence } = message;
      if (sequence <= (this.readTo.get(chat) ?? 0)) continue;
      this.readTo.set(chat, sequence);
      const actorId = this.population.member(chat, this.population.size(chat) - 1);
      return {
        ...{ type: 'chat.read', commandId, chatId: this.population.chatId(chat), actorId, data: { upTo: sequence } },
        expects: { answer: 'accepted', event: 'chat.read', isStored: true },
      };
    }
    return null;
  }
}
