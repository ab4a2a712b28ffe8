/** Accounts for every command of a replay: its receipt, and the events that must follow from it. */
import type { CommandProducer } from '@parley-chat/client';
import type { Receipt, RefusalCode } from '@parley-chat/client/contract';
import { type EventWatch, numberedEvent, readEvent } from './event-watch.js';
import type { IrcPlan } from './irc-plan.js';

export class Tally {
  /**
   * One for each change that took effect in this run. The event of a replayed command may have been published long ago.
   * Each planned read moves the read mark, so it also has an event.
   */
  readonly expectedEvents: string[] = [];
  /** Accepted commands by type. */
  private readonly acceptedByType = new Map<string, number>();
  private readonly rejectedByCode = new Map<string, number>();
  private accepted = 0;
  private unchanged = 0;
  private replayed = 0;
  private readonly startedAt = performance.now();
  private seconds = 0;

  constructor(private readonly total: number) {}

  add({ type, commandId, status, chatId, sequence, replayed, reason }: Receipt): void {
    if (replayed) this.replayed += 1;
    if (status === 'accepted') {
      this.accepted += 1;
      this.acceptedByType.set(type, (this.acceptedByType.get(type) ?? 0) + 1);
      if (chatId === null) return;
      if (sequence === null && type !== 'chat.read') this.unchanged += 1;
      else if (!replayed)
        this.expectedEvents.push(sequence === null ? readEvent(chatId, commandId) : numberedEvent(chatId, sequence));
    } else this.reject(reason?.code ?? 'no reason given');
  }

  /** Rejected by a worker, or before it was sent. */
  reject(code: RefusalCode | 'no reason given' | 'the referenced message was not accepted'): void {
    this.rejectedByCode.set(code, (this.rejectedByCode.get(code) ?? 0) + 1);
  }

  get rejected(): number {
    return [...this.rejectedByCode.values()].reduce((sum, count) => sum + count, 0);
  }

  get unanswered(): number {
    return this.total - this.accepted - this.rejected;
  }

  stopClock(): void {
    this.seconds = (performance.now() - this.startedAt) / 1000;
  }

  table(
    producer: CommandProducer['counters'],
    events: EventWatch | null,
    missing: number,
    plans: readonly IrcPlan[],
  ): string {
    const answered = this.accepted + this.rejected;
    const leftOut = plans.reduce((sum, plan) => sum + plan.answersLeftOut, 0);
    const rows: [string, number | string, string][] = [
      ['commands', this.total, `in ${producer.published} copies, ${producer.reconnects} reconnections`],
      ['accepted', this.accepted, `of which ${this.unchanged} changed nothing in their chat`],
      ...['message.edit', 'message.react', 'chat.read'].map((type): [string, number, string] => [
        type === 'chat.read' ? 'reads' : type === 'message.edit' ? 'edits' : 'reactions',
        this.acceptedByType.get(type) ?? 0,
        'of those accepted',
      ]),
      ['rejected', this.rejected, [...this.rejectedByCode].map(([code, count]) => `${code} ${count}`).join(', ')],
      ['replayed', this.replayed, 'with the same answer as before'],
      ['unanswered', this.unanswered, ''],
    ];
    if (producer.refused > 0)
      rows.push(['refused', producer.refused, 'copies that the broker refused: order can be affected']);
    if (leftOut > 0)
      rows.push(['answers left out', leftOut, 'to no message, or a second one: a message has one inReplyTo']);
    if (events !== null) {
      const { repeats, gaps, reads, refusals } = events.counters;
      const detail = [
        `${missing} missing`,
        `${repeats} repeats`,
        `${gaps} gaps`,
        `${reads} reads`,
        `${refusals} refusals`,
      ];
      if (!events.isComplete) detail.push('the connection was lost');
      rows.push(['events seen', events.distinct, detail.join(', ')]);
    }
    rows.push(['seconds', this.seconds.toFixed(1), '']);
    rows.push(['per second', this.seconds === 0 ? 0 : Math.round(answered / this.seconds), 'commands answered']);
    return rows
      .map(([name, value, detail]) => `${`${name.padEnd(18)}${String(value).padStart(9)}  ${detail}`.trimEnd()}\n`)
      .join('');
  }
}
