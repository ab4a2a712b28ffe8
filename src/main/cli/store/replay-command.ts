import { CaslDecisionPoint } from '../../../adapters/policy/casl-decision-point.js';
import { PrismaEventLog } from '../../../adapters/stores/prisma/log/prisma-event-log.js';
import { PrismaLogReader } from '../../../adapters/stores/prisma/log/prisma-log-reader.js';
import { AmqpEventSink, toQueue } from '../../../adapters/transports/amqp/publish/amqp-event-sink.js';
import { queueExists } from '../../../adapters/transports/amqp/topology/queue-exists.js';
import { ReplayAborted, type ReplayRange, replayEvents } from '../../../application/operations/replay-events.js';
import type { LogPart } from '../../../application/ports/store/log/log-reader.js';
import type { Logger } from '../../../infrastructure/logging/logger.js';
import { RatePacer } from '../../../infrastructure/process/rate-pacer.js';
import { rethrowAsStartupError, StartupError } from '../../../infrastructure/process/startup-error.js';
import { readPolicyFile } from '../../policy/policy-file.js';
import { ownQueues } from '../../settings/topology-settings.js';
import { requireSettings, type Settings } from '../../settings.js';
import { connectOnce, requireBrokerUrl } from '../connect-broker.js';
import { type LineProgress, showLineProgress } from '../line-progress.js';
import { withArchiveDatabase } from './archive-database.js';

export interface ReplayRequest {
  chat?: string;
  partition?: number;
  from?: number;
  to?: number;
  queue: string;
  rate?: number;
}

/** `parley replay`: publishes committed events to one queue again. */
export async function runReplay(request: ReplayRequest): Promise<void> {
  const part = partOf(request);
  const settings = requireSettings('database');
  const url = requireBrokerUrl(settings);
  refuseOwnQueue(request.queue, settings);
  const policy = new CaslDecisionPoint(readPolicyFile(settings.policyFile).document);
  await withArchiveDatabase(async (database) => {
    const reader = new PrismaLogReader(database);
    const log = new PrismaEventLog(database);
    const range = rangeOf(part, request, await reader.endOf(part));
    const { connection } = await connectOnce(url, 'parley replay').catch(rethrowAsStartupError);
    let progress: LineProgress | null = null;
    try {
      if (!(await queueExists(connection, request.queue)))
        throw new StartupError([`the broker has no queue ${request.queue}`]);
      const perSecond = request.rate ?? null;
      const pace = new RatePacer(perSecond);
      const shown = showLineProgress('replayed', range.to - range.from + 1, 'events');
      progress = shown;
      const missing = await replayEvents(range, {
        ...{ log, reader, perSecond, policy, logger: WARNINGS_ONLY },
        sink: new AmqpEventSink(connection, toQueue(request.queue), WARNINGS_ONLY),
        render: { storeId: await log.storeId(), recipientsMax: settings.eventRecipientsMax },
        pace: (count) => pace.next(count),
        onProgress: (through) => shown.advance(through - range.from + 1 - shown.lines),
      });
      progress.stop();
      const replayed = range.to - range.from + 1 - missing;
      console.error(`parley: replayed ${replayed} events, ${range.from} to ${range.to}, to ${request.queue}`);
      if (missing > 0)
        console.error(`parley: ${missing} events of rejected commands are missing: they were pruned from the log`);
    } catch (error) {
      if (!(error instanceof ReplayAborted)) throw error;
      throw new StartupError([`${error.message}; continue with --from ${error.through + 1}`], { cause: error });
    } finally {
      progress?.stop();
      await connection.stop();
    }
  });
}

function partOf({ chat, partition }: ReplayRequest): LogPart {
  if (chat !== undefined && partition === undefined) return { chatId: chat };
  if (partition !== undefined && chat === undefined) return { partition };
  throw new StartupError(['either --chat or --partition must be given']);
}

function rangeOf(part: LogPart, { from = 1, to }: ReplayRequest, end: number | null): ReplayRange {
  const name = 'chatId' in part ? `chat ${part.chatId}` : `partition ${part.partition}`;
  if (end === null) throw new StartupError([`there is no ${name}`]);
  if (to !== undefined && to > end) throw new StartupError([`${name} ends with ${end}, before --to ${to}`]);
  if (from > (to ?? end)) throw new StartupError([`${name} has nothing from ${from} to ${to ?? end}`]);
  return { part, from, to: to ?? end };
}

/** An event in such a queue would be read as a malformed command. */
function refuseOwnQueue(queue: string, settings: Settings): void {
  if (ownQueues(settings).includes(queue)) throw new StartupError([`${queue} is not a queue for events`]);
}

const quiet = () => undefined;
const tell: Logger['warn'] = (message, fields) => {
  const why = fields?.error instanceof Error ? fields.error.message : (fields?.outcome ?? '');
  console.error(`parley: ${message}${why === '' ? '' : `: ${String(why)}`}`);
};
const WARNINGS_ONLY: Logger = { debug: quiet, info: quiet, warn: tell, error: tell };
