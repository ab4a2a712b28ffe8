/** Relays in this process on any store, with the JSON Lines sink. Their time runs faster. */
import { join } from 'node:path';
import { JsonLinesConsumer } from '../../src/adapters/sinks/json-lines/json-lines-consumer.js';
import { readJsonLines } from '../../src/adapters/sinks/json-lines/read-json-lines.js';
import type {
  Delivery,
  DeliveryResult,
  EventConsumer,
  LogConsumer,
  Overtaken,
} from '../../src/application/ports/log-consumer.js';
import type { EventCursors } from '../../src/application/ports/store/log/event-cursors.js';
import type { FollowedLog } from '../../src/application/ports/store/log/followed-log.js';
import { Relay } from '../../src/application/relay/relay.js';
import type { RelayObserver } from '../../src/application/relay/relay-observer.js';
import { realTime, type Time } from '../../src/application/runtime/time.js';
import type { StoreHarness } from '../conformance/store/store-conformance.js';
import { collectedLog } from './collected-log.js';
import { eventually } from './eventually.js';
import { defaultPolicy } from './policies/default-policy.js';
import { scratchFolder } from './services/services.js';

/** How many times faster pauses pass. */
const SPEED = 25;
export const WITHIN_MS = 20_000;
export const RECIPIENTS_MAX = 256;
const ALL = 100_000;

/** Short pauses; the clock of leases is real. */
export const fastTime: Time = {
  ...realTime,
  elapsedMs: () => performance.now(),
  pause: (delayMs, signal) => realTime.pause(delayMs / SPEED, signal),
};

/** The JSON Lines sink with a hook that runs before each delivery. */
export class TestConsumer implements EventConsumer {
  readonly name = 'test';
  readonly content = 'cloud-events';
  readonly movesCursor = false;
  readonly overtaken: Overtaken[] = [];
  readonly deliveries: Delivery[] = [];
  private readonly sink: JsonLinesConsumer;

  constructor(
    folder: string,
    readonly start: EventConsumer['start'] = 'beginning',
    readonly imports: EventConsumer['imports'] = 'exclude',
    private readonly before: (delivery: Delivery) => Promise<DeliveryResult | null> = async () => null,
  ) {
    this.sink = new JsonLinesConsumer({ folder, fsync: 'never' });
  }

  async deliver(delivery: Delivery): Promise<DeliveryResult> {
    const answer = await this.before(delivery);
    if (answer !== null) {
      // Events before the failed one are delivered.
      if (answer.outcome === 'failed' && answer.index > 0)
        await this.sink.deliver({ ...delivery, events: delivery.events.slice(0, answer.index) });
      return answer;
    }
    const result = await this.sink.deliver(delivery);
    if (result.outcome === 'taken') this.deliveries.push(delivery);
    return result;
  }

  async onOvertaken(overtaken: Overtaken): Promise<void> {
    this.overtaken.push(overtaken);
  }

  close(): Promise<void> {
    return this.sink.close();
  }
}

export interface RelayPorts {
  cursors?: Partial<EventCursors>;
  log?: Partial<FollowedLog>;
}

export class RelayHarness {
  readonly folder = join(scratchFolder('relay'), 'lines');
  readonly counts: string[] = [];
  readonly logged = collectedLog();
  private readonly relays = new Map<string, Relay>();
  private readonly consumers: LogConsumer[] = [];

  constructor(readonly store: StoreHarness) {}

  /** `over` replaces methods of the ports, as a fault or as a planted bug. */
  start(relayId: string, consumer: LogConsumer = new TestConsumer(this.folder), over: RelayPorts = {}): Relay {
    const { store } = this;
    const cursors = withMethods(store.cursors, over.cursors ?? {});
    const log = withMethods(store.followed, over.log ?? {});
    const count = (what: keyof RelayObserver) => (name: string, number?: number) =>
      void this.counts.push(`${what} ${name}${number === undefined ? '' : ` ${number}`}`);
    const relay = new Relay({
      ...{ relayId, consumers: [consumer], cursors, log, time: fastTime, logger: this.logged.logger },
      audience: {
        ...{ log, present: store.log, profiles: store.queries, policy: defaultPolicy() },
        recipientsMax: RECIPIENTS_MAX,
      },
      render: { storeId: 'store', recipientsMax: RECIPIENTS_MAX },
      observer: {
        delivered: count('delivered'),
        parked: count('parked'),
        overtaken: count('overtaken'),
        tookOver: count('tookOver'),
      },
    });
    this.relays.set(relayId, relay);
    this.consumers.push(consumer);
    relay.start();
    return relay;
  }

  async stop(relayId: string): Promise<void> {
    await this.relays.get(relayId)?.stop();
    this.relays.delete(relayId);
  }

  async close(): Promise<void> {
    await Promise.all([...this.relays.keys()].map((id) => this.stop(id)));
    await Promise.all(this.consumers.map((consumer) => consumer.close()));
    await this.store.close();
  }

  /** Whether every cursor of the consumer is at the end of its log. */
  async isCaughtUp(name = 'test'): Promise<boolean> {
    const states = (await this.store.cursors.states()).filter((state) => state.name === name);
    return states.length > 0 && states.every(({ lag }) => lag === 0);
  }

  async caughtUp(name = 'test'): Promise<void> {
    await eventually(() => this.isCaughtUp(name), { within: WITHIN_MS, what: `${name} is at the end of the log` });
  }

  /** Differences between the lines of a partition and its log. `parked` positions may be missing. */
  async faults(partition = 0, parked: readonly number[] = []): Promise<string[]> {
    const log = (await this.store.log.readEvents(partition, 0, ALL)).map(({ position }) => position);
    const lines = (await readJsonLines(this.folder)).get(partition)?.lines ?? [];
    return faultsOfLines(
      log.filter((position) => !parked.includes(position)),
      lines.map(({ position }) => position),
    );
  }
}

/** Checks that the lines have each position of the log, in order, and no others. */
export function faultsOfLines(log: readonly number[], lines: readonly number[]): string[] {
  const [logged, written] = [new Set(log), new Set(lines)];
  const missing = log.filter((position) => !written.has(position));
  const unexpected = lines.filter((position) => !logged.has(position));
  const disordered = lines.filter((position, index) => index > 0 && position <= (lines[index - 1] ?? 0));
  return [
    ...(missing.length > 0 ? [`missing: ${missing.slice(0, 10).join(' ')}`] : []),
    ...(unexpected.length > 0 ? [`unexpected: ${unexpected.slice(0, 10).join(' ')}`] : []),
    ...(disordered.length > 0 ? [`not in order: ${disordered.slice(0, 10).join(' ')}`] : []),
  ];
}

/** The port with some methods replaced. */
export function withMethods<T extends object>(port: T, over: Partial<T>): T {
  return new Proxy(port, {
    get(target, name) {
      const replaced = Reflect.get(over, name) as unknown;
      if (replaced !== undefined) return replaced;
      const own = Reflect.get(target, name) as unknown;
      return typeof own === 'function' ? own.bind(target) : own;
    },
  });
}
