import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../support/eventually.js';
import type { Fleet } from '../support/fleet/fleet.js';

/** How long a round waits for its receipts before the next one is sent all the same. */
const ROUND_MS = 100;
/** Time limit for the confirms of the last round, also if the broker is about to start. */
const STOP_WITHIN_MS = 60_000;

/**
 * Sends one message to each chat, round after round, until it is stopped. While the broker is away, a round waits for
 * it.
 */
export class SteadyLoad {
  private count = 0;
  private isOver = false;
  private hasEnded = false;
  /** Why it could not go on. */
  private failure: Error | null = null;

  constructor(
    private readonly fleet: Fleet,
    private readonly name: string,
    private readonly chats: readonly { chatId: string; users: string[] }[],
    /** Pause between two rounds, so that the ledger of a long run stays small. */
    private readonly pauseMs = 0,
  ) {
    void this.run();
  }

  get sent(): number {
    return this.count;
  }

  /** Resolves when the broker has all that was sent. */
  async stop(): Promise<void> {
    this.isOver = true;
    await eventually(() => this.hasEnded, { within: STOP_WITHIN_MS, what: 'the last round of the load is confirmed' });
    if (this.failure !== null) throw this.failure;
  }

  private async run(): Promise<void> {
    while (!this.isOver) {
      await Promise.all(this.chats.map((chat) => this.send(chat)));
      await this.fleet.allAnswered(ROUND_MS).catch(() => undefined);
      if (this.pauseMs > 0) await sleep(this.pauseMs);
    }
    this.hasEnded = true;
  }

  private async send({ chatId, users }: { chatId: string; users: string[] }): Promise<void> {
    const actorId = users[this.count % users.length] ?? '';
    this.count += 1;
    const commandId = `${this.name}-${this.count}`;
    const command = { type: 'message.send', commandId, actorId, chatId, data: { body: `message ${commandId}` } };
    try {
      await this.fleet.producer.publish(command);
    } catch (error) {
      this.failure = error as Error;
      this.isOver = true;
    }
  }
}
