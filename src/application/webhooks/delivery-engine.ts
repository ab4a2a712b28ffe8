/**
 * Sends what waits for webhooks, for the partitions whose cursors this relay owns. Each endpoint has its own places, so
 * a slow endpoint delays no other. State is in the store alone: after a crash, another relay goes on.
 */
import type { DueLane, OwnedPartition, WebhookDeliveries } from '../ports/store/webhooks.js';
import type { WebhookSender } from '../ports/webhook-sender.js';
import type { WorkerLog } from '../ports/worker-observer.js';
import type { Time } from '../runtime/time.js';
import { DeliveryContent, type DeliveryContentDeps } from './delivery-content.js';
import { runLane } from './lane-run.js';
import type { RetrySchedule } from './retry-schedule.js';
import { Settler } from './settler.js';
import type { WebhookObserver } from './webhook-observer.js';

/** How often it looks for due deliveries if nothing wakes it. */
const POLL_MS = 500;
/** At least this long between two looks. */
const LOOK_INTERVAL_MS = 20;
/** How often the counts are read for the metrics. */
const COUNT_INTERVAL_MS = 5_000;
/** How often rows of deleted webhooks are deleted. */
const CLEAN_INTERVAL_MS = 60_000;
/**
 * Maximum number of requests at a time for all endpoints together. Above it, each endpoint still has one, so that slow
 * endpoints cannot take all places.
 */
export const REQUESTS_MAX = 512;

export interface DeliveryEngineDeps {
  relayId: string;
  deliveries: WebhookDeliveries;
  content: DeliveryContentDeps;
  sender: WebhookSender;
  schedule: RetrySchedule;
  /** Maximum number of requests at a time to one endpoint, which are for different lanes. */
  perEndpoint: number;
  observer: WebhookObserver;
  logger: WorkerLog;
  time: Time;
}

interface Served extends OwnedPartition {
  content: DeliveryContent;
  settler: Settler;
  hasBacklog: boolean;
}

export class DeliveryEngine {
  private readonly life = new AbortController();
  private readonly served = new Map<number, Served>();
  /** By webhook: the lanes under way. */
  private readonly underWay = new Map<number, Set<string>>();
  private readonly runs = new Set<Promise<void>>();
  private requests = 0;
  private isDue = false;
  private wakeUp: () => void = () => undefined;
  private running: Promise<void> = Promise.resolve();
  private countedAtMs = Number.NEGATIVE_INFINITY;
  private cleanedAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly deps: DeliveryEngineDeps) {}

  start(): void {
    this.running = this.run();
  }

  /** Requests under way are ended, and their events are sent again by the next owner. */
  async stop(): Promise<void> {
    this.life.abort();
    this.wake();
    await this.running;
    await Promise.all(this.runs);
    this.deps.sender.close();
  }

  /** There may be something to send. */
  wake(): void {
    this.isDue = true;
    this.wakeUp();
  }

  private async run(): Promise<void> {
    const { time, logger } = this.deps;
    const { signal } = this.life;
    let hasFailed = false;
    while (!signal.aborted) {
      this.isDue = false;
      try {
        await this.look();
        hasFailed = false;
      } catch (error) {
        if (!hasFailed) logger.warn('webhook deliveries not read', { error });
        hasFailed = true;
      }
      await time.pause(LOOK_INTERVAL_MS, signal);
      if (!this.isDue && !signal.aborted) await this.rest();
    }
  }

  private async rest(): Promise<void> {
    const rest = new AbortController();
    this.wakeUp = () => rest.abort();
    await this.deps.time.pause(POLL_MS, rest.signal);
    this.wakeUp = () => undefined;
  }

  private async look(): Promise<void> {
    const { deliveries, relayId, perEndpoint } = this.deps;
    this.serve(await deliveries.owned(relayId));
    await this.doChores();
    if (this.served.size === 0) return;
    // Twice as many as there are places: lanes under way are among them.
    for (const lane of await deliveries.due([...this.served.keys()], 2 * perEndpoint)) this.begin(lane);
  }

  private serve(owned: readonly OwnedPartition[]): void {
    const { deliveries, content, time, logger } = this.deps;
    const epochs = new Map(owned.map(({ partition, epoch }) => [partition, epoch]));
    for (const [partition, { epoch }] of this.served)
      if (epochs.get(partition) !== epoch) this.served.delete(partition);
    for (const { partition, epoch } of owned) {
      if (this.served.has(partition)) continue;
      this.served.set(partition, {
        ...{ partition, epoch, hasBacklog: true },
        content: new DeliveryContent(partition, content),
        settler: new Settler({ partition, epoch }, deliveries, time, logger, this.life.signal),
      });
    }
  }

  private async doChores(): Promise<void> {
    const { deliveries, observer, time } = this.deps;
    const now = time.elapsedMs();
    const isTime = now - this.countedAtMs >= COUNT_INTERVAL_MS;
    for (const served of this.served.values())
      if (isTime || served.hasBacklog) {
        served.hasBacklog = await deliveries.takeBacklog(served);
        if (served.hasBacklog) this.isDue = true;
      }
    if (isTime) {
      observer.counted(await deliveries.counts());
      this.countedAtMs = now;
    }
    if (now - this.cleanedAtMs >= CLEAN_INTERVAL_MS) {
      await deliveries.clean();
      this.cleanedAtMs = now;
    }
  }

  private begin(lane: DueLane): void {
    const served = this.served.get(lane.partition);
    const underWay = this.underWay.get(lane.number) ?? new Set<string>();
    const name = `${lane.partition} ${lane.lane}`;
    const isFull = underWay.size >= this.deps.perEndpoint || (this.requests >= REQUESTS_MAX && underWay.size > 0);
    if (served === undefined || isFull || underWay.has(name)) return;
    this.underWay.set(lane.number, underWay.add(name));
    this.requests += 1;
    const { deliveries, sender, schedule, observer, time, logger } = this.deps;
    const { content, settler } = served;
    const run = runLane(lane, { deliveries, content, settler, sender, schedule, observer, time }, this.life.signal)
      .catch((error: unknown) => {
        logger.warn('webhook lane not delivered', { webhookId: lane.webhookId, partition: lane.partition, error });
      })
      .finally(() => {
        underWay.delete(name);
        if (underWay.size === 0) this.underWay.delete(lane.number);
        this.requests -= 1;
        this.runs.delete(run);
        this.wake();
      });
    this.runs.add(run);
  }
}
