/**
 * Publishes a part of the log again with the publisher that published it first: in order, each with its confirm, in
 * bounded memory, with the same renderer. It writes nothing: the published position of the partition does not change.
 */

import { EventPublisher } from '../outbox/event-publisher.js';
import { firstMissing } from '../outbox/outbox-buffer.js';
import type { RenderContext } from '../outbox/render-event.js';
import type { PolicyDecisionPoint } from '../ports/policy-decision-point.js';
import type { EventLog, LoggedEvent } from '../ports/store/log/event-log.js';
import type { LogPart, LogReader } from '../ports/store/log/log-reader.js';
import type { EventSink, PublishOutcome } from '../ports/transport/transport.js';
import { NO_OBSERVER, type WorkerLog } from '../ports/worker-observer.js';
import { realTime } from '../runtime/time.js';

/** At a slow pace the log is read in pieces for this fraction of a second. */
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
  /** Decides which members of a chat may view it now. */
  policy: PolicyDecisionPoint;
  render: RenderContext;
  logger: WorkerLog;
  /** Null means no limit. */
  perSecond: number | null;
  /** Resolves when `count` more events may be sent. */
  pace(count: number): Promise<void>;
  /** Everything up to this sequence or position is confirmed. */
  onProgress(through: number): void;
}

/** The replay was aborted. Everything up to `through` is confirmed. */
export class ReplayAborted extends Error {
  constructor(
    message: string,
    readonly through: number,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = 'ReplayBrokenOff';
  }
}

/**
 * Rejects with `ReplayAborted` if the log cannot be read, has a gap, or its events have no consumer queue any more.
 * @returns the number of missing positions at or below the floor: events of rejected commands, which are pruned
 */
export async function replayEvents({ part, from, to: asked }: ReplayRange, deps: ReplayDeps): Promise<number> {
  // The end of the range itself may be pruned.
  const to = 'partition' in part ? await deps.reader.lastOf(part.partition, asked) : asked;
  if (to < from) return asked - from + 1;
  let abort: (cause: Error) => void = () => undefined;
  const brokenOff = new Promise<never>((_resolve, reject) => {
    abort = reject;
  });
  const onSettled = (outcome: PublishOutcome) => {
    deps.onProgress(publisher.publishedThrough);
    // A full queue gets room again and a lost connection comes back. A deleted queue does not.
    if (outcome === 'returned') abort(new Error('the queue does not exist any more'));
  };
  const log = new PartOfLog(part, { from, to }, deps, (error) => abort(error));
  const publisher = new EventPublisher(
    'partition' in part ? part.partition : NO_PARTITION,
    {
      log,
      sink: deps.sink,
      policy: deps.policy,
      observer: { ...NO_OBSERVER, eventSettled: onSettled },
      logger: deps.logger,
      time: realTime,
      render: deps.render,
    },
    { position: to, publishedThrough: from - 1, floor: () => log.floor },
  );
  try {
    await Promise.race([publisher.drained(), brokenOff]);
  } catch (error) {
    const { message } = error as Error;
    throw new ReplayAborted(message, publisher.publishedThrough, { cause: error });
  } finally {
    await publisher.stop();
    deps.onProgress(publisher.publishedThrough);
  }
  return log.missing + asked - to;
}

/** A chat's events are published by sequence, even if they were written in several partitions. */
const NO_PARTITION = -1;

/** The part as if it were a whole log. For a chat, each event's position is its sequence. */
class PartOfLog implements EventLog {
  /**
   * At or below this position events may be missing. It is read again when one is missing, because it rises meanwhile.
   */
  floor = 0;
  /** The number of missing positions, as far as the log has been read. */
  missing = 0;
  private readThrough: number;

  constructor(
    private readonly part: LogPart,
    private readonly range: { from: number; to: number },
    private readonly deps: ReplayDeps,
    private readonly onFault: (error: Error) => void,
  ) {
    this.readThrough = range.from - 1;
  }

  storeId(): Promise<string> {
    return this.deps.log.storeId();
  }

  async recipients(chatIds: readonly string[], max: number, withProfiles: boolean) {
    return this.deps.log.recipients(chatIds, max, withProfiles).catch((error: Error) => this.fail(error));
  }

  async readEvents(_partition: number, after: number, limit: number): Promise<LoggedEvent[]> {
    const { perSecond, pace } = this.deps;
    const most = Math.min(
      limit,
      this.range.to - after,
      perSecond === null ? limit : Math.ceil(perSecond / PIECES_PER_SECOND),
    );
    const events = await this.read(after, most).catch((error: Error) => this.fail(error));
    const missing = events.length === 0 ? after + 1 : await this.firstMissing(events, after);
    if (missing !== null) return this.fail(new Error(`the log has no event ${missing}: run parley verify`));
    this.count(events);
    await pace(events.length);
    return events;
  }

  private async firstMissing(events: readonly LoggedEvent[], after: number): Promise<number | null> {
    const { part } = this;
    const missing = firstMissing(events, after, this.floor);
    if (missing === null || !('partition' in part)) return missing;
    // Pruning may have raised the floor while the events were read.
    this.floor = await this.deps.reader.floorOf(part.partition).catch((error: Error) => this.fail(error));
    return firstMissing(events, after, this.floor);
  }

  /** Positions that are read again are not counted again. */
  private count(events: readonly LoggedEvent[]): void {
    for (const { position } of events) {
      if (position <= this.readThrough) continue;
      this.missing += position - this.readThrough - 1;
      this.readThrough = position;
    }
  }

  private async read(after: number, limit: number): Promise<LoggedEvent[]> {
    const { part } = this;
    if ('partition' in part) {
      const events = await this.deps.log.readEvents(part.partition, after, limit);
      return events.filter(({ position }) => position <= this.range.to);
    }
    const events = await this.deps.reader.readChat(part.chatId, after, limit);
    return events.map((event) => ({ ...event, position: event.sequence ?? 0 }));
  }

  private fail(error: Error): never {
    this.onFault(error);
    throw error;
  }
}
