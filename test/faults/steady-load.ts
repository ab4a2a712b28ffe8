import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandToSend } from '../support/broker-client.js';
import type { Fleet } from '../support/fleet.js';

/** How long a round waits for its receipts before the next one is sent all the same. */
const ROUND_MS = 100;

/** Sends one message to each chat, round after round, until it is stopped or the broker goes away. */
export class SteadyLoad {
  /** Every command, by actor and id. */
  private readonly commands = new Map<string, CommandToSend>();
  /** Whose publishing the broker did not confirm: nobody knows. */
  private readonly unconfirmed = new Set<string>();
  private isOver = false;
  private readonly running: Promise<void>;

  constructor(
    private readonly fleet: Fleet,
    private readonly name: string,
    private readonly chats: readonly { chatId: string; users: string[] }[],
    /** Between two rounds: for runs so long that their ledger would become large. */
    private readonly pauseMs = 0,
  ) {
    this.running = this.run();
  }

  get sent(): number {
    return this.commands.size;
  }

  /** Resolves when it has ended: call `stop`, or take the broker away. */
  get ended(): Promise<void> {
    return this.running;
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await this.running;
  }

  /** Publishes again what was not confirmed or not answered, by whoever is given. */
  async sendAgain(publish: (command: CommandToSend) => Promise<void>): Promise<void> {
    const keys = new Set([...this.unconfirmed, ...this.fleet.ledger.unansweredKeys]);
    const again = [...keys].flatMap((key) => this.commands.get(key) ?? []);
    await Promise.all(again.map(publish));
    this.unconfirmed.clear();
  }

  private async run(): Promise<void> {
    while (!this.isOver) {
      await Promise.all(this.chats.map((chat) => this.send(chat)));
      await this.fleet.allAnswered(ROUND_MS).catch(() => undefined);
      if (this.pauseMs > 0) await sleep(this.pauseMs);
    }
  }

  private async send({ chatId, users }: { chatId: string; users: string[] }): Promise<void> {
    const commandId = `${this.name}-${this.commands.size + 1}`;
    const actorId = users[this.commands.size % users.length] ?? '';
    const key = `${actorId} ${commandId}`;
    const command = { type: 'message.send', commandId, actorId, chatId, data: { body: `message ${commandId}` } };
    this.commands.set(key, command);
    this.unconfirmed.add(key);
    try {
      await this.fleet.producer.publish(command);
      this.unconfirmed.delete(key);
    } catch {
      this.isOver = true;
    }
  }
}
