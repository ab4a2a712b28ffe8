/** An event publisher on a log of plain messages and a scripted sink. */

import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { MemoryEventLog } from '../../../../src/adapters/stores/memory/memory-event-log.js';
import { MemoryTables } from '../../../../src/adapters/stores/memory/memory-tables.js';
import { EventPublisher } from '../../../../src/application/outbox/event-publisher.js';
import { LiveCopies } from '../../../../src/application/outbox/live-copies.js';
import type { ChatMembers, EventLog, LoggedEvent } from '../../../../src/application/ports/store/log/event-log.js';
import type { LiveBatch } from '../../../../src/application/ports/transport/live-feed.js';
import type { Stage } from '../../../../src/application/ports/worker-observer.js';
import { realTime } from '../../../../src/application/runtime/time.js';
import type { DomainEvent } from '../../../../src/domain/event.js';
import { eraseMessage, type Message } from '../../../../src/domain/message.js';
import { eventually } from '../../../support/eventually.js';
import { defaultPolicy } from '../../../support/policies/default-policy.js';
import { GROUP } from '../commands/drafts.js';
import { range } from '../processing/worker-harness.js';
import { AT, logged, message } from './logged-events.js';
import { ScriptedSink } from './scripted-sink.js';

const WITHIN_MS = 15_000;
const quiet = () => undefined;

/** Counts the reads of the log. */
class CountedLog implements EventLog {
  eventsRead = 0;
  reads = 0;
  /** Reads of the log resolve after this. */
  answer: Promise<void> = Promise.resolve();
  /** The number of next reads that fail. */
  readsToFail = 0;
  membersRead = 0;
  /** Reads of members resolve after this. */
  members: Promise<void> = Promise.resolve();

  constructor(private readonly log: EventLog) {}

  storeId(): Promise<string> {
    return this.log.storeId();
  }

  async readEvents(partition: number, after: number, limit: number): Promise<LoggedEvent[]> {
    if (this.readsToFail > 0) {
      this.readsToFail -= 1;
      throw new Error('the log cannot be read');
    }
    const events = await this.log.readEvents(partition, after, limit);
    this.eventsRead += events.length;
    this.reads += 1;
    await this.answer;
    return events;
  }

  async recipients(chatIds: readonly string[], max: number, withProfiles: boolean): Promise<Map<string, ChatMembers>> {
    this.membersRead += 1;
    await this.members;
    return this.log.recipients(chatIds, max, withProfiles);
  }
}

export class PublisherBench {
  readonly sink = new ScriptedSink();
  readonly log: CountedLog;
  readonly publisher: EventPublisher;
  /** What the live feed got, while `live` knew of a reader. */
  readonly copies: LiveBatch[] = [];
  readonly live = new LiveCopies({ publish: (batch) => this.copies.push(batch) });
  /** How long each batch took to publish, in milliseconds. */
  readonly took: number[] = [];
  private readonly world = new MemoryTables();
  private readonly events: LoggedEvent[] = [];

  /** `written`: number of events that are in the log at the start, the first `publishedThrough` of them published. */
  constructor({ written = 0, publishedThrough = 0 } = {}) {
    const { world } = this;
    world.messages.set(message.messageId, message);
    world.log.set(0, this.events);
    this.log = new CountedLog(new MemoryEventLog(world));
    this.write(written);
    const stageTook = (stage: Stage, milliseconds: number) => {
      expect(stage).to.equal('publish');
      this.took.push(milliseconds);
    };
    const observer = {
      ...{ commandAnswered: quiet, batchCommitted: quiet, stageTook, eventSettled: quiet },
      ...{ deadLettered: quiet, rerouted: quiet, forwarded: quiet, transactionFailed: quiet, leaseAcquired: quiet },
      pruned: quiet,
    };
    const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };
    const render = { storeId: world.storeId, recipientsMax: 10 };
    const policy = defaultPolicy();
    const { log, sink, live } = this;
    const deps = { log, sink, live, policy, observer, logger, time: realTime, render };
    this.publisher = new EventPublisher(0, deps, { position: written, publishedThrough });
  }

  /**
   * Commits a message and its edit, and passes their events to the publisher. The returned function commits the
   * deletion.
   */
  appendMessage(body: string): () => void {
    const said: Message = { ...message, messageId: randomUUID(), body };
    const edited: Message = { ...said, revision: 2, editedAt: AT, editedBy: 'alice' };
    this.world.messages.set(said.messageId, edited);
    this.publisher.append([
      ...this.write(1, { type: 'message.created', message: said }),
      ...this.write(1, { type: 'message.edited', message: edited }),
    ]);
    return () => {
      this.world.messages.set(said.messageId, eraseMessage(edited, AT));
      const { messageId, sequence: messageSequence } = said;
      this.publisher.append(this.write(1, { type: 'message.deleted', messageId, messageSequence, mode: 'soft' }));
    };
  }

  /** Commits more events, and passes them to the publisher. */
  append(count: number, at = AT): void {
    this.publisher.append(this.write(count, undefined, at));
  }

  /** Commits more events. The returned function passes them to the publisher. */
  commit(count: number): () => void {
    const events = this.write(count);
    return () => this.publisher.append(events);
  }

  async allPublished(): Promise<void> {
    const what = 'everything is published';
    await eventually(() => this.publisher.unpublished === 0, { within: WITHIN_MS, what });
  }

  until(what: string, check: () => boolean): Promise<boolean> {
    return eventually(check, { within: WITHIN_MS, what });
  }

  private write(count: number, event: DomainEvent = { type: 'message.created', message }, at = AT): LoggedEvent[] {
    const from = this.events.length + 1;
    const fresh = range(from, from + count - 1).map((position) =>
      logged(event, { partition: 0, position, sequence: position, at }),
    );
    this.events.push(...fresh);
    return fresh;
  }
}

export function idsOf(from: number, through: number): string[] {
  return range(from, through).map((sequence) => `${GROUP}/${sequence}`);
}
