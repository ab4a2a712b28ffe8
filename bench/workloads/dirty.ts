import type { Expectation } from '../measuring/answers.js';
import type { Bodies } from '../population/bodies.js';
import type { Population } from '../population/population.js';
import { seededRandom } from '../population/random.js';
import type { BenchCommand } from '../quota/workload.js';
import type { Load } from './load.js';
import { Sends } from './steady.js';

export const DIRT = { repeated: 0.1, refused: 0.05, invalid: 0.01 } as const;

/** Number of recent commands that can be repeated. */
const REPEATABLE_MAX = 1_000;
const refusedAs = (answer: string): Expectation => ({ answer, event: 'command.rejected', isStored: true });

/**
 * W4: W1 with repeats of earlier commands, rejected commands (users outside the chat write; members archive their
 * chat), and empty texts.
 */
export class DirtyWorkload implements Load {
  constructor(
    private readonly population: Population,
    private readonly bodies: Bodies,
  ) {}

  *commands(count: number, prefix: string, seed: number): Generator<BenchCommand> {
    const sends = new Sends(this.population, this.bodies, seed);
    const random = seededRandom(seed);
    const sent: BenchCommand[] = [];
    for (let index = 0; index < count; index += 1) {
      const drawn = random();
      const original = sent[Math.floor(random() * sent.length)];
      const next = sends.next(`${prefix}${index}`);
      if (drawn < DIRT.repeated && original !== undefined) yield this.repeat(original, index);
      else if (drawn < DIRT.repeated + DIRT.refused) yield this.refused(next, index);
      else if (drawn < DIRT.repeated + DIRT.refused + DIRT.invalid)
        yield { ...next, data: { body: '' }, expects: refusedAs('invalid') };
      else {
        sent[index % REPEATABLE_MAX] = next;
        yield next;
      }
    }
  }

  private repeat(original: BenchCommand, index: number): BenchCommand {
    const expects = { answer: 'replayed', event: null, isStored: false };
    return { ...original, deliveryId: `${original.commandId}-again-${index}`, expects };
  }

  private refused(next: BenchCommand, index: number): BenchCommand {
    if (index % 2 === 0) return { ...next, actorId: this.population.stranger, expects: refusedAs('not_found') };
    // The last member is never the owner.
    const chat = this.population.indexOf(next.chatId);
    const actorId = this.population.member(chat, this.population.size(chat) - 1);
    return { ...next, type: 'chat.archive', actorId, data: {}, expects: refusedAs('not_permitted') };
  }
}
