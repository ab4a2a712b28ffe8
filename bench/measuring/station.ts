import type { BenchCommand } from '../quota/workload.js';
import type { PrivateServices } from '../running/private-services.js';
import type { BatchTotals, Subject } from '../subjects/subject.js';
import { cpuSeconds } from './cpu-time.js';
import { DispatchWatch } from './dispatch-watch.js';
import { closeLedger, type Ledger, type LedgerMark, openLedger } from './ledger.js';
import { LoadDriver } from './load-driver.js';
import { percentileCurve, type Quantiles, quantilesOf } from './quantiles.js';
import { type SearchFigures, untilIndexed } from './search-lag.js';

const MS_PER_SECOND = 1000;
const MICROSECONDS_PER_SECOND = 1_000_000;

/** The result of one load on one subject. */
export interface Figures {
  commands: number;
  /** Commands by kind: the type of those to be accepted, the expected answer of the others. */
  kinds: Record<string, number>;
  /** Commands per second, until the last receipt. */
  storedPerSecond: number;
  /** Commands per second, until the last receipt and the last event. */
  dispatchedPerSecond: number;
  /** Milliseconds to dispatch, from sending; in an open loop, from the time when the command was due. */
  latencyMs: Quantiles;
  /** The same as a curve. */
  latencyCurve: { share: number; value: number }[];
  /** CPU-seconds per million commands, by kind of process, until everything is indexed for the search. */
  cpu: CpuSeconds;
  /** Null: the subject fills no search index. */
  search: SearchFigures | null;
  /** Means over the batches of the load. */
  batch: { count: number; commands: number; readingMs: number; transactionMs: number } | null;
  /** Delay of the service's event loop; null if it does not report one. */
  loopDelayMs: BatchTotals['loopDelayMs'] | null;
  ledger: Ledger;
  /** Why the ledger does not close; empty if it does. */
  faults: string[];
}

export interface CpuSeconds {
  service: number;
  postgres: number;
  rabbitmq: number;
  driver: number;
}

interface Before {
  cpu: CpuSeconds;
  batches: BatchTotals | null;
  mark: LedgerMark;
  at: number;
}

/** A subject with its producer and its dispatch consumer. */
export class Station {
  private constructor(
    readonly subject: Subject,
    private readonly services: PrivateServices,
    readonly driver: LoadDriver,
    readonly dispatch: DispatchWatch,
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
   * A closed loop: sends all commands as fast as they are answered.
   * @param commands exactly `count` of them, with ids that begin with the unique `prefix`
   */
  async measure(
    commands: Iterable<BenchCommand>,
    count: number,
    prefix: string,
    progress: (answered: number) => void,
  ): Promise<Figures> {
    const before = await this.begin();
    await this.driver.run(commands, (commandId) => this.dispatch.sent(commandId), progress);
    return this.end(before, count, prefix);
  }

  /**
   * An open loop at a steady rate, however late the answers are. Latencies count from the time when each command was
   * due.
   */
  async measureAtRate(
    perSecond: number,
    commands: Iterable<BenchCommand>,
    count: number,
    prefix: string,
    progress: (answered: number) => void,
  ): Promise<Figures> {
    const before = await this.begin();
    await this.driver.runAtRate(perSecond, commands, (id, dueAt) => this.dispatch.sent(id, dueAt), progress);
    return this.end(before, count, prefix);
  }

  /**
   * Publishes all commands while no worker runs, then starts the subject. Rates count from the arrival of the first
   * event at dispatch, without the start of the process. CPU-seconds include the start.
   */
  async measureBacklog(
    commands: Iterable<BenchCommand>,
    count: number,
    prefix: string,
    progress: (doneOfTwice: number) => void,
  ): Promise<Figures> {
    await this.subject.suspend();
    this.dispatch.reset();
    const mark = await openLedger(this.subject.databaseUrl);
    await this.driver.fill(commands, progress);
    await this.subject.resume();
    const before = { cpu: this.cpu(), batches: null, mark, at: performance.now() };
    await this.driver.allAnswered((answered) => progress(count + answered));
    return this.end(before, count, prefix, () => this.dispatch.firstAt);
  }

  private async begin(): Promise<Before> {
    this.dispatch.reset();
    const mark = await openLedger(this.subject.databaseUrl);
    const batches = await this.subject.batches();
    return { cpu: this.cpu(), batches, mark, at: performance.now() };
  }

  private async end(before: Before, count: number, prefix: string, since = () => before.at): Promise<Figures> {
    const { answers } = this.driver;
    const answeredAt = performance.now();
    await this.dispatch.wait(answers.expected.events, this.stopping);
    const dispatchedAt = Math.max(answeredAt, this.dispatch.lastAt);
    const batchesAfter = await this.subject.batches();
    const search = await untilIndexed(this.subject.databaseUrl, this.stopping);
    const cpuAfter = this.cpu();

    const perMillion = (kind: keyof CpuSeconds) =>
      ((cpuAfter[kind] - before.cpu[kind]) / count) * MICROSECONDS_PER_SECOND;
    const { databaseUrl, isOrdered } = this.subject;
    return {
      commands: count,
      kinds: answers.sentByType,
      storedPerSecond: (count / (answeredAt - since())) * MS_PER_SECOND,
      dispatchedPerSecond: (count / (dispatchedAt - since())) * MS_PER_SECOND,
      latencyMs: quantilesOf(this.dispatch.latencies),
      latencyCurve: percentileCurve(this.dispatch.latencies),
      cpu: {
        service: perMillion('service'),
        postgres: perMillion('postgres'),
        rabbitmq: perMillion('rabbitmq'),
        driver: perMillion('driver'),
      },
      search,
      batch: before.batches && batchesAfter && meanBatch(before.batches, batchesAfter),
      loopDelayMs: batchesAfter?.loopDelayMs ?? null,
      ...(await closeLedger(databaseUrl, before.mark, prefix, answers, this.dispatch, isOrdered)),
    };
  }

  private cpu(): CpuSeconds {
    const { user, system } = process.cpuUsage();
    return {
      service: cpuSeconds(this.subject.pids),
      postgres: cpuSeconds([this.services.postgresPid]),
      rabbitmq: cpuSeconds([this.services.rabbitmqPid]),
      driver: (user + system) / MICROSECONDS_PER_SECOND,
    };
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
    count: batches,
    commands: (after.commands - before.commands) / batches,
    readingMs: (after.readingMs - before.readingMs) / batches,
    transactionMs: (after.transactionMs - before.transactionMs) / batches,
  };
}
