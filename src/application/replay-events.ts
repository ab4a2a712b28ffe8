/**
 * Sends a part of the log once more, by the publisher that sent it first: in order, each with its confirm, in bounded memory, rendered by the
 * same renderer. Nothing is written: how far the partition is published stays as it is.
 */
import type { EventLog, LoggedEvent } from './ports/event-log.js';
import type { LogPart, LogReader } from './ports/log-reader.js';
import type { EventSink, PublishOutcome } from './ports/transport.js';
import type { WorkerLog, WorkerObserver } from './ports/worker-observer.js';
import type { RenderContext } from './render-event.js';
import { realTime } from './time.js';
import { EventPublisher } from './worker/event-publisher.js';

/** At a slow pace the log is read in pieces of this part of a second. */
const PIECES_PER_SECOND = 10;

export interface ReplayRange {
  part: LogPart;
  /** First and last sequence or position. */
  from: number;
  to: number;
}

export interface ReplayDeps {
  log: EventLog;
  reader: LogReader;
  sink: EventSink;
  render: RenderContext;
  logger: WorkerLog;
  /** Null: as fast as it goes. */
  perSecond: number | null;
  /** Resolves when so many more may go. */
  pace(count: number): Promise<void>;
  /** Everything up to this sequence or position is confirmed. */
  onProgress(through: number): void;
}

/** Broken off; everything up to `through` is confirmed. */
export class ReplayBrokenOff extends Error {
  constructor(
    message: string,
    readonly through: number,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = 'ReplayBrokenOff';
  }
}

/** Rejects with `ReplayBrokenOff` where the log cannot be read, or is not whole, or where nobody takes the events any more. */
export async function replayEvents({ part, from, to }: ReplayRange, deps: ReplayDeps): Promise<void> {
  let breakOff: (cause: Error) => void = () => undefined;
  const brokenOff = new Promise<never>((_resolve, reject) => {
    breakOff = reject;
  });
  const onSettled = (outcome: PublishOutcome) => {
    deps.onProgress(publisher.publishedThrough);
    // A full queue empties itself and a lost connection comes back; a queue that is gone does neither.
    if (outcome === 'returned') breakOff(new Error('the queue is gone'));
  };
  const publisher = new EventPublisher(
    'partition' in part ? part.partition : NO_PARTITION,
    {
      log: new PartOfLog(part, to, deps, (error) => breakOff(error)),
      sink: deps.sink,
      observer: { ...SILENT, eventSettled: onSettled },
      logger: deps.logger,
      time: realTime,
      render: deps.render,
    },
    { position: to, publishedThrough: from - 1 },
  );
  try {
    await Promise.race([publisher.drained(), brokenOff]);
  } catch (error) {
    const { message } = error as Error;
    throw new ReplayBrokenOff(message, publisher.publishedThrough, { cause: error });
  } finally {
    await publisher.stop();
    deps.onProgress(publisher.publishedThrough);
  }
}

/** A chat's events are published by their sequence, whatever partitions they once were written in. */
const NO_PARTITION = -1;

const nothing = () => undefined;
const SILENT: WorkerObserver = {
  ...{ commandAnswered: nothing, batchCommitted: nothing, stageTook: nothing, eventSettled: nothing },
  ...{ deadLettered: nothing, rerouted: nothing, sentHome: nothing, transactionFailed: nothing, tookOver: nothing },
};

/** The part as if it were a whole log: for a chat, each event's position is its sequence. */
class PartOfLog implements EventLog {
  constructor(
    private readonly part: LogPart,
    private readonly to: number,
    private readonly deps: ReplayDeps,
    private readonly onFault: (error: Error) => void,
  ) {}

  storeId(): Promise<string> {
    return this.deps.log.storeId();
  }

  async recipients(chatIds: readonly string[], max: number) {
    return this.deps.log.recipients(chatIds, max).catch((error: Error) => this.fail(error));
  }

  async readEvents(_partition: number, after: number, limit: number): Promise<LoggedEvent[]> {
    const { perSecond, pace } = this.deps;
    const most = Math.min(
      limit,
      this.to - after,
      perSecond === null ? limit : Math.ceil(perSecond / PIECES_PER_SECOND),
    );
    const events = await this.read(after, most).catch((error: Error) => this.fail(error));
    const gap = events.findIndex(({ position }, index) => position !== after + 1 + index);
    if (gap !== -1 || events.length === 0)
      return this.fail(new Error(`the log has no ${after + 1 + Math.max(gap, 0)} there: parley verify says more`));
    await pace(events.length);
    return events;
  }

  private async read(after: number, limit: number): Promise<LoggedEvent[]> {
    const { part } = this;
    if ('partition' in part) return this.deps.log.readEvents(part.partition, after, limit);
    const events = await this.deps.reader.readChat(part.chatId, after, limit);
    return events.map((event) => ({ ...event, position: event.sequence ?? 0 }));
  }

  private fail(error: Error): never {
    this.onFault(error);
    throw error;
  }
}
