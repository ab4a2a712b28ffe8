import type {
  EventChannel,
  EventSink,
  OutgoingEvent,
  PublishOutcome,
} from '../../../../src/application/ports/transport/transport.js';

/** The outcome of one publish: reported soon, or, if `held`, when the test continues it. `lost` closes the channel. */
export type Fate = PublishOutcome | 'held';

/** A broker that does to events what a test has written down for it. */
export class ScriptedSink implements EventSink {
  /** Decides each publish, the n-th from 0, with `inFlight` others not settled yet. */
  fate: (event: OutgoingEvent, n: number, inFlight: number) => Fate = () => 'confirmed';
  /** Every copy that reached a queue, in order. */
  readonly arrived: OutgoingEvent[] = [];
  /** Ids whose confirms were reported to the publisher. */
  readonly confirmed = new Set<string>();
  /** Number of times that opening a channel fails. */
  away = 0;
  /** Nothing more can be buffered: `writable` waits, for ever. */
  isBlocked = false;
  opened = 0;
  closed = 0;
  published = 0;
  inFlight = 0;
  inFlightMax = 0;
  /** Called after each reported outcome. */
  onSettled: () => void = () => undefined;
  private held: (() => void)[] = [];

  async openChannel(): Promise<EventChannel> {
    if (this.away > 0) {
      this.away -= 1;
      throw new Error('there is no connection');
    }
    this.opened += 1;
    let isLost = false;
    return {
      publish: (event, settled) => {
        const fate = isLost ? 'lost' : this.fate(event, this.published, this.inFlight);
        this.published += 1;
        this.inFlight += 1;
        this.inFlightMax = Math.max(this.inFlightMax, this.inFlight);
        if (fate === 'lost') isLost = true;
        if (fate === 'confirmed' || fate === 'held') this.arrived.push(event);
        const settle = () => {
          this.inFlight -= 1;
          const outcome = fate === 'held' ? 'confirmed' : fate;
          if (outcome === 'confirmed') this.confirmed.add(event.id);
          settled(outcome);
          this.onSettled();
        };
        if (fate === 'held') this.held.push(settle);
        else setImmediate(settle);
      },
      writable: () => (this.isBlocked ? new Promise(() => undefined) : Promise.resolve()),
      close: async () => {
        isLost = true;
        this.closed += 1;
      },
    };
  }

  /** Confirms the held events, the latest first. */
  release(): void {
    for (const settle of this.held.splice(0).reverse()) settle();
  }

  /** Ids of the first copies, in the order in which they reached a queue. */
  get firstCopies(): string[] {
    return [...new Set(this.arrived.map(({ id }) => id))];
  }
}
