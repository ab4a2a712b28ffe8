/** A dispatch consumer that records events in a ledger. */
import type { Channel } from 'amqplib';
import { Acknowledgements } from '../../../src/client/acknowledgements.js';
import { BrokerSession } from '../broker/broker-session.js';
import type { Ledger } from './ledger.js';

const PREFETCH = 500;

export interface DispatchedEvent {
  id: string;
  type: string;
  sequence?: string;
  partitionkey: string;
  source: string;
  data: Record<string, unknown>;
}

export class Dispatch {
  readonly events: DispatchedEvent[] = [];
  readonly bodies: Buffer[] = [];
  private session: BrokerSession<Channel> | null = null;
  /** Of the current channel. */
  private acknowledgements: Acknowledgements | null = null;

  private constructor(
    private readonly ledger: Ledger | null,
    private readonly keeps: boolean,
  ) {}

  /** The only active consumer of the dispatch queue. */
  static async connect(url: string, queue: string, ledger: Ledger | null = null, keeps = true): Promise<Dispatch> {
    const dispatch = new Dispatch(ledger, keeps);
    dispatch.session = await BrokerSession.open<Channel>({
      url,
      create: (connection) => connection.createChannel(),
      setUp: (channel) => dispatch.consume(channel, queue),
    });
    return dispatch;
  }

  private async consume(channel: Channel, queue: string): Promise<void> {
    await channel.prefetch(PREFETCH);
    const acknowledgements = new Acknowledgements(channel);
    this.acknowledgements = acknowledgements;
    await channel.consume(queue, (message) => {
      // The broker has cancelled this consumer, for example because its queue was deleted.
      if (message === null) return void channel.close().catch(() => undefined);
      acknowledgements.expect(message);
      this.take(message.content);
      acknowledgements.dealtWith(message);
    });
  }

  private take(body: Buffer): void {
    const event = JSON.parse(body.toString()) as DispatchedEvent;
    this.ledger?.dispatchedEvent(event);
    if (!this.keeps) return;
    this.events.push(event);
    this.bodies.push(body);
  }

  async close(): Promise<void> {
    this.acknowledgements?.flush();
    await this.session?.close();
  }
}
