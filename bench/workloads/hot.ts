import type { Bodies } from '../population/bodies.js';
import type { Population } from '../population/population.js';
import type { BenchCommand } from '../quota/workload.js';
import type { Load } from './load.js';
import { Sends } from './steady.js';

/** Members of the chat that gets half of the messages. Without these messages the chat would be quiet. */
const HOT_MEMBERS = 10;

/** W2: W1, but every second message goes to the same chat, and so to one partition. */
export class HotWorkload implements Load {
  private readonly hot: number;

  constructor(
    private readonly population: Population,
    private readonly bodies: Bodies,
  ) {
    this.hot = population.chatIds.findLastIndex((_, index) => population.size(index) === HOT_MEMBERS);
    if (this.hot === -1) throw new Error('among so few chats none has ten members: give --chats at least 100');
  }

  *commands(count: number, prefix: string, seed: number): Generator<BenchCommand> {
    const sends = new Sends(this.population, this.bodies, seed);
    for (let index = 0; index < count; index += 1)
      yield index % 2 === 0 ? sends.next(`${prefix}${index}`, this.hot) : sends.next(`${prefix}${index}`);
  }
}
