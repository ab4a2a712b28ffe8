import type {
  BrowsedLetter,
  DeadLetterQueue,
  LetterReplay,
  Survey,
} from '../../../../application/ports/transport/dead-letter-queue.js';
import type { AmqpConnection } from '../../../../infrastructure/amqp/amqp-connection.js';
import { browseDeadLetters } from './browse-dead-letters.js';
import { readLetter } from './dead-letter.js';
import { LETTERS_HELD_MAX } from './dead-letter-pass.js';
import { describeLetter } from './describe-dead-letter.js';
import { lettersPerPass, obstacleToReplay, replayDeadLetters } from './replay-dead-letters.js';

/** The queue `<namespace>.dead-letters`. */
export class AmqpDeadLetterQueue implements DeadLetterQueue {
  readonly reach = LETTERS_HELD_MAX;

  /** `openPublishing` opens another connection: a broker that is short of memory stops reading from publishers. */
  constructor(
    private readonly consuming: AmqpConnection,
    private readonly namespace: string,
    private readonly openPublishing: () => Promise<AmqpConnection>,
  ) {}

  browse(
    onLetter: (letter: BrowsedLetter) => void,
    afterwards?: (remove: (place: number) => void) => Promise<void>,
  ): Promise<Survey> {
    const tags: number[] = [];
    return browseDeadLetters(
      this.consuming,
      this.namespace,
      (message) => {
        tags.push(message.fields.deliveryTag);
        const letter = readLetter(message);
        onLetter({
          ...letter,
          place: tags.length,
          describe: () => describeLetter(message),
          body: () => message.content.toString('utf8'),
          obstacleToReplay: () => obstacleToReplay(message, letter, this.consuming.username),
        });
      },
      async (pass) => {
        await afterwards?.((place) => {
          const tag = tags[place - 1];
          if (tag === undefined) throw new RangeError(`no letter was read at place ${place}`);
          pass.acknowledge(tag);
        });
      },
    );
  }

  async replay({ perSecond, ...order }: LetterReplay): Promise<number> {
    const { namespace } = this;
    const perPass = lettersPerPass(perSecond);
    return replayDeadLetters(this.consuming, await this.openPublishing(), { ...order, namespace, perPass });
  }
}
