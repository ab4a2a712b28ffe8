import { v4 } from 'uuid';
import type { Expectation } from '../measuring/answers.js';
import { zipf } from '../population/zipf.js';

const BODY_BYTES = 200;
const SENDERS = 2;

export interface BenchCommand {
  type: string;
  commandId: string;
  chatId: string;
  actorId: string;
  /** Default: the default tenant. */
  tenantId?: string;
  data: unknown;
  /** Distinguishes the delivery of a repeat from the first one. Default: the command id. */
  deliveryId?: string;
  /** The expected result. Default: accepted, with a `message.created`. */
  expects?: Expectation;
}

/** Groups of two; a few are busy and most are quiet. */
export class Workload {
  readonly chats: string[];

  constructor(
    chats: number,
    private readonly tenantId?: string,
  ) {
    this.chats = Array.from({ length: chats }, () => v4());
  }

  private get tenant(): { tenantId?: string } {
    return this.tenantId === undefined ? {} : { tenantId: this.tenantId };
  }

  /** The first of a chat's two members is its owner. */
  member(chatId: string, index: number): string {
    return `u${index}-${chatId.slice(0, 8)}`;
  }

  *creations(): Generator<BenchCommand> {
    for (const chatId of this.chats)
      yield {
        type: 'chat.create',
        commandId: `create-${chatId}`,
        chatId,
        ...this.tenant,
        actorId: this.member(chatId, 0),
        data: { kind: 'group', memberIds: [this.member(chatId, 1)] },
      };
  }

  /** The same chats in the same order on each call; command ids begin with the prefix. */
  *messages(count: number, prefix: string): Generator<BenchCommand> {
    const pick = zipf(this.chats.length);
    const body = 'x'.repeat(BODY_BYTES);
    for (let index = 0; index < count; index += 1) {
      const chatId = this.chats[pick()] ?? '';
      yield {
        type: 'message.send',
        commandId: `${prefix}${index}`,
        chatId,
        ...this.tenant,
        actorId: this.member(chatId, index % SENDERS),
        data: { body },
      };
    }
  }
}
