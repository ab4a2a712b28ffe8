import type { Bodies } from '../population/bodies.js';
import type { Population } from '../population/population.js';
import { seededRandom } from '../population/random.js';
import { zipf } from '../population/zipf.js';
import type { BenchCommand } from '../quota/workload.js';
import type { Load } from './load.js';

/** The sends of one run: the sequence of chats, senders and texts. */
export class Sends {
  private readonly random: () => number;
  private readonly pickChat: () => number;
  private readonly body: () => string;

  constructor(
    private readonly population: Population,
    bodies: Bodies,
    seed: number,
  ) {
    this.random = seededRandom(seed);
    this.pickChat = zipf(population.chats, seed);
    this.body = bodies.series(seed);
  }

  next(commandId: string, chat = this.pickChat(), senders = this.population.size(chat)): BenchCommand {
    return {
      type: 'message.send',
      commandId,
      chatId: this.population.chatId(chat),
      actorId: this.population.member(chat, Math.floor(this.random() * senders)),
      data: { body: this.body() },
    };
  }
}

/** W1: messages to a few busy and many quiet chats (Zipf 1.0), each from a random member. */
export class SteadyWorkload implements Load {
  constructor(
    private readonly population: Population,
    private readonly bodies: Bodies,
  ) {}

  *commands(count: number, prefix: string, seed: number): Generator<BenchCommand> {
    const sends = new Sends(this.population, this.bodies, seed);
    for (let index = 0; index < count; index += 1) yield sends.next(`${prefix}${index}`);
  }
}
