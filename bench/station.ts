import { cpuSeconds } from './cpu-time.js';
import { DispatchWatch } from './dispatch-watch.js';
import { LoadDriver } from './load-driver.js';
import { type PrivateServices, query } from './private-services.js';
import type { BatchTotals, Subject } from './subject.js';
import type { BenchCommand } from './workload.js';

const MS_PER_SECOND = 1000;
const MICROSECONDS_PER_SECOND = 1_000_000;

/** What came out of one load on one subject. */
export interface Figures {
  storedPerSecond: number;
  dispatchedPerSecond: number;
  /** From sending to dispatch under full load, in milliseconds. */
  latencyMs: { p50: number; p99: number };
  /** CPU-seconds per million commands, by kind of process. */
  cpu: { service: number; postgres: number; rabbitmq: number; driver: number };
  /** Means over the load's batches. */
  batch: { commands: number; readingMs: number; transactionMs: number } | null;
  /** Why the ledger is not closed; empty where it is. */
  faults: string[];
}

/** A subject with a producer before it and a dispatch consumer behind it. */
export class Station {
  private constructor(
    readonly subject: Subject,
    private readonly services: PrivateServices,
    private readonly driver: LoadDriver,
    private readonly dispatch: DispatchWatch,
    private readonly stopping: AbortSignal,
  ) {}

  static async open(
    subject: Subject,
    services: PrivateServices,
    inFlight: number,
    stopping: AbortSignal,
  ): Promise<Station> {
    const { namespace, isOrdered } = subject;
    const dispatch = await DispatchWatch.connect(services.amqpUrl, `${namespace}.dispatch`, isOrdered);
    const driver = await LoadDriver.connect(services.amqpUrl, namespace, inFlight, stopping);
    return new Station(subject, services, driver, dispatch, stopping);
  }

  /**
   * Puts it through all of the commands.
   * @param commands so many as `count` says, their ids beginning with `prefix` as no others do
   */
  async measure(
    commands: Iterable<BenchCommand>,
    count: number,
    prefix: string,
    progress: (answered: number) => void,
  ): Promise<Figures> {
    this.dispatch.reset();
    const cpuBefore = this.cpu();
    const batchesBefore = await this.subject.batches();
    const began = performance.now();
    const rejected = await this.driver.run(commands, (commandId) => this.dispatch.sent(commandId), progress);
    const storedMs = performance.now() - began;
    await this.dispatch.wait(count, this.stopping);
    const dispatchedMs = performance.now() - began;
    const cpuAfter = this.cpu();
    const batchesAfter = await this.subject.batches();

    const perMillion = (kind: keyof Figures['cpu']) =>
      ((cpuAfter[kind] - cpuBefore[kind]) / count) * MICROSECONDS_PER_SECOND;
    return {
      storedPerSecond: (count / storedMs) * MS_PER_SECOND,
      dispatchedPerSecond: (count / dispatchedMs) * MS_PER_SECOND,
      latencyMs: { p50: quantile(this.dispatch.latencies, 0.5), p99: quantile(this.dispatch.latencies, 0.99) },
      cpu: {
        service: perMillion('service'),
        postgres: perMillion('postgres'),
        rabbitmq: perMillion('rabbitmq'),
        driver: perMillion('driver'),
      },
      batch: batchesBefore && batchesAfter && meanBatch(batchesBefore, batchesAfter),
      faults: await this.faults(count, prefix, rejected),
    };
  }

  private cpu(): Figures['cpu'] {
    const { user, system } = process.cpuUsage();
    return {
      service: cpuSeconds(this.subject.pids),
      postgres: cpuSeconds([this.services.postgresPid]),
      rabbitmq: cpuSeconds([this.services.rabbitmqPid]),
      driver: (user + system) / MICROSECONDS_PER_SECOND,
    };
  }

  /** The ledger: every command accepted and stored, every event dispatched, and in order where that is promised. */
  private async faults(count: number, prefix: string, rejected: number): Promise<string[]> {
    const [row] = await query<{ stored: number }>(
      this.subject.databaseUrl,
      'SELECT count(*)::int AS stored FROM receipts WHERE starts_with(command_id, $1)',
      [prefix],
    );
    const stored = row?.stored ?? 0;
    const { arrived, reordered } = this.dispatch;
    return [
      ...(rejected === 0 ? [] : [`${rejected} rejected`]),
      ...(stored === count ? [] : [`${stored} of ${count} stored`]),
      ...(arrived === count ? [] : [`${arrived} of ${count} dispatched`]),
      ...(reordered === 0 ? [] : [`${reordered} out of order`]),
    ];
  }

  async stop(): Promise<void> {
    await this.driver.close();
    await this.dispatch.close();
  }
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length * share)] ?? 0;
}

function meanBatch(before: BatchTotals, after: BatchTotals): Figures['batch'] {
  const batches = Math.max(1, after.batches - before.batches);
  return {
    commands: (after.commands - before.commands) / batches,
    readingMs: (after.readingMs - before.readingMs) / batches,
    transactionMs: (after.transactionMs - before.transactionMs) / batches,
  };
}
