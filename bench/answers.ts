import type { Receipt } from '../src/contract/messages/receipts.js';
import type { BenchCommand } from './workload.js';

/** What a command is to be answered, and what it is to leave behind. */
export interface Expectation {
  /** `accepted`, `replayed` (the answer that the same command got before), or a refusal's code. */
  answer: string;
  /** Type of the one event that it makes; null: none. */
  event: string | null;
  /** Whether it is kept with the receipts. */
  isStored: boolean;
}

export const SENT: Expectation = { answer: 'accepted', event: 'message.created', isStored: true };

/** Differences that are told one by one; the others are only counted. */
const EXAMPLES_MAX = 3;

/** Holds what was answered against what was to be answered, delivery by delivery, and adds up what all of it is to leave behind. */
export class Answers {
  attempted = 0;
  receipted = 0;
  accepted = 0;
  /** Not as expected, and answers to what was never sent or had been answered. */
  unexpected = 0;
  readonly examples: string[] = [];
  /** How many of each type were sent; what is not to be accepted goes by what it is to be answered. */
  readonly sentByType: Record<string, number> = {};
  readonly expected = { stored: 0, events: 0, messages: 0 };
  private readonly open = new Map<string, BenchCommand>();

  get waiting(): number {
    return this.open.size;
  }

  sent(command: BenchCommand): void {
    const { answer, event, isStored } = command.expects ?? SENT;
    this.attempted += 1;
    this.open.set(deliveryOf(command), command);
    const kind = answer === 'accepted' ? command.type : answer;
    this.sentByType[kind] = (this.sentByType[kind] ?? 0) + 1;
    if (answer === 'replayed') return;
    if (isStored) this.expected.stored += 1;
    if (event !== null) this.expected.events += 1;
    if (event === 'message.created') this.expected.messages += 1;
  }

  /** @returns the command that it answers; undefined: none of this run's */
  took(deliveryId: string, receipt: Receipt): BenchCommand | undefined {
    const command = this.open.get(deliveryId);
    if (command === undefined) {
      this.note(`another answer to ${deliveryId}`);
      return undefined;
    }
    this.open.delete(deliveryId);
    this.receipted += 1;
    const given = answerOf(receipt);
    if (receipt.status === 'accepted') this.accepted += 1;
    const wanted = (command.expects ?? SENT).answer;
    if (given !== wanted) this.note(`${command.type} was ${given}, not ${wanted}`);
    return command;
  }

  private note(what: string): void {
    this.unexpected += 1;
    if (this.examples.length < EXAMPLES_MAX) this.examples.push(what);
  }
}

export function deliveryOf({ deliveryId, commandId }: BenchCommand): string {
  return deliveryId ?? commandId;
}

function answerOf({ status, replayed, reason }: Receipt): string {
  if (replayed) return 'replayed';
  return status === 'accepted' ? 'accepted' : (reason?.code ?? 'rejected');
}
