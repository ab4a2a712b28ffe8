/**
 * Finds out which dispatch queue is full. When the broker refuses an event, it refuses it for all queues and does not
 * name the full one.
 */
import type { Channel } from 'amqplib';
import { names, type TopologySettings } from '../../../../contract/messages/topology.js';
import type { AmqpConnection } from '../../../../infrastructure/amqp/amqp-connection.js';
import type { Logger } from '../../../../infrastructure/logging/logger.js';
import { LazyChannel } from './lazy-channel.js';

/** Refusals that are further apart belong to separate periods. What was seen in an earlier one is outdated. */
const SAME_TIME_MS = 60_000;

interface Backlog {
  events: number;
  consumers: number;
}

/** Watches the queues that Parley declares. The broker is asked after it has refused an event. */
export class DispatchBacklog {
  readonly #kept: LazyChannel<Channel>;
  readonly #settings: TopologySettings;
  readonly #logger: Logger;
  readonly #backlogs = new Map<string, Backlog>();
  #refusedAt = 0;
  #isAsking = false;
  #isKnown = false;

  constructor(connection: AmqpConnection, settings: TopologySettings, logger: Logger) {
    this.#settings = settings;
    this.#logger = logger;
    this.#kept = new LazyChannel(connection, async (model) => {
      const channel = await model.createChannel();
      channel.on('error', () => undefined); // The request that caused it rejects.
      return { channel, held: channel };
    });
  }

  async stop(): Promise<void> {
    await this.#kept.close();
  }

  /** Called when the broker has just refused an event. */
  noteRefusal(): void {
    const now = Date.now();
    if (now - this.#refusedAt > SAME_TIME_MS) this.#isKnown = false;
    this.#refusedAt = now;
    void this.#ask();
  }

  /** Why events are refused and what to do, in one line. Null until it is known. */
  explainRefusal(): string | null {
    if (!this.#isKnown) return null;
    const all = [...this.#backlogs].sort(([, a], [, b]) => b.events - a.events);
    // A queue without consumers never gets room by itself. For a queue with consumers, delivered messages are not
    // counted.
    const [idle] = all.filter(([, { events, consumers }]) => events > 0 && consumers === 0);
    const [busy] = all.filter(([, { consumers }]) => consumers > 0);
    if (idle !== undefined) {
      const [queue, { events }] = idle;
      return `queue ${queue} is full: ${events} events wait in it, and nobody consumes it. ${remedyFor(queue)}`;
    }
    if (busy !== undefined) {
      const [queue, { events, consumers }] = busy;
      const consumersText = consumers === 1 ? 'its consumer' : `its ${consumers} consumers`;
      return `queue ${queue} is probably full: ${events} events wait in it, besides those that ${consumersText} did not acknowledge yet. ${remedyFor(queue)}`;
    }
    return `a queue bound to ${names.events(this.#settings.namespace)} is full, and it is none that Parley declared: consume it, or unbind it`;
  }

  async #ask(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    for (const { name } of this.#settings.dispatchQueues)
      try {
        const channel = await this.#kept.get();
        const { messageCount, consumerCount } = await channel.checkQueue(name);
        this.#backlogs.set(name, { events: messageCount, consumers: consumerCount });
      } catch (error) {
        this.#backlogs.delete(name);
        this.#logger.debug('dispatch queue backlog unknown', {
          queue: name,
          error: error instanceof Error ? error.message : String(error),
        });
      }
    this.#isAsking = false;
    this.#isKnown = true;
  }
}

function remedyFor(queue: string): string {
  return (
    `Consume it; or unbind it (parley topology --unbind ${queue}) and leave it out of DISPATCH_QUEUES; ` +
    'or raise DISPATCH_MAX_BYTES, for which the queue must be deleted first'
  );
}
