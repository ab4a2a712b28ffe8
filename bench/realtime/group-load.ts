/** Groups of ten clients, and messages in them in an open loop. It knows what each client must have at the end. */
import { userOf } from './figures.js';
import type { Stand } from './stand.js';

export const GROUP_SIZE = 10;
/** Groups that are created at the same time. */
const CREATED_AT_ONCE = 32;

export class GroupLoad {
  /** By group: its chat, and its last sequence. */
  private readonly groups: { chatId: string; last: number }[] = [];
  private isRunning = true;
  private running: Promise<void> = Promise.resolve();
  sent = 0;

  private constructor(private readonly stand: Stand) {}

  /** Clients 0 to 9 are the first group, and so on. */
  static async create(stand: Stand, clients: number): Promise<GroupLoad> {
    const load = new GroupLoad(stand);
    const count = Math.ceil(clients / GROUP_SIZE);
    let next = 0;
    const work = async () => {
      for (let group = next++; group < count; group = next++) {
        const size = Math.min(GROUP_SIZE, clients - group * GROUP_SIZE);
        const users = Array.from({ length: size }, (_, member) => userOf(group * GROUP_SIZE + member));
        load.groups[group] = { chatId: await stand.createGroup(users), last: 1 };
      }
    };
    await Promise.all(Array.from({ length: CREATED_AT_ONCE }, work));
    return load;
  }

  start(perSecond: number): void {
    this.running = this.send(perSecond);
  }

  /** Resolves when the receipts of all messages are there. */
  async stop(): Promise<void> {
    this.isRunning = false;
    await this.running;
  }

  lastOf(client: number): ReadonlyMap<string, number> {
    const group = this.groups[Math.floor(client / GROUP_SIZE)];
    return new Map(group === undefined ? [] : [[group.chatId, group.last]]);
  }

  private async send(perSecond: number): Promise<void> {
    const begun = performance.now();
    const answers: Promise<void>[] = [];
    for (; this.isRunning; this.sent += 1) {
      const waitMs = begun + (this.sent * 1_000) / perSecond - performance.now();
      if (waitMs > 1) await new Promise((resolve) => setTimeout(resolve, waitMs));
      // Each group in turn, not those of one neighbourhood.
      const index = (this.sent * 7_919) % this.groups.length;
      const group = this.groups[index];
      if (group === undefined) continue;
      const answer = this.stand.say(userOf(index * GROUP_SIZE), group.chatId, `m${this.sent}`);
      answers.push(
        answer.then((sequence) => {
          group.last = Math.max(group.last, sequence);
        }),
      );
    }
    await Promise.all(answers);
  }
}
