import type { Receipt } from '../../src/contract/messages/receipts.js';
import type { BenchCommand } from '../quota/workload.js';

/** The answer that a command must get, and the rows that it must leave. */
export interface Expectation {
  /** `accepted`, `replayed` (the earlier answer to the same command), or the code of a refusal. */
  answer: string;
  /** Type of the one event that the command makes; null: none. */
  event: string | null;
  /** Whether the answer is stored as a receipt. */
  isStored: boolean;
}

export const SENT: Expectation = { answer: 'accepted', event: 'message.created', isStored: true };

/** Number of differences that are reported in full; the others are only counted. */
const EXAMPLES_MAX = 3;

/** Compares each answer with the expected one, delivery by delivery, and sums up the expected rows. */
export class Answers {
  attempted = 0;
  receipted = 0;
  accepted = 0;
  /**
   * Answers that differ from the expected one, and answers to commands that were not sent or already have their answer.
   */
  unexpected = 0;
  readonly examples: string[] = [];
  /** Number of commands sent, by type. A command that must not be accepted counts under its expected answer. */
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

  /** @returns the command that it answers; undefined: no command of this run */
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
