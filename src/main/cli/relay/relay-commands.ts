import { PrismaEventCursors } from '../../../adapters/stores/prisma/log/prisma-event-cursors.js';
import { PrismaWebhookDeliveries } from '../../../adapters/stores/prisma/webhooks/prisma-webhook-deliveries.js';
import {
  type ByConsumer,
  consumerStates,
  PARKED_LISTED_MAX,
  parkedEvents,
  rebuildConsumer,
  retryParkedEvents,
} from '../../../application/operations/log-consumers.js';
import type { EventCursors } from '../../../application/ports/store/log/event-cursors.js';
import type { WebhookDeliveries } from '../../../application/ports/store/webhooks.js';
import { IMPORTED_CHATS } from '../../../application/relay/follower.js';
import { DEFAULT_SCHEDULE } from '../../../application/webhooks/retry-schedule.js';
import { StartupError } from '../../../infrastructure/process/startup-error.js';
import { withCommandDatabase } from '../command-database.js';
import { counted, table } from '../printable.js';

/** `parley relay status`. */
export async function runRelayStatus({ json = false }: { json?: boolean }): Promise<void> {
  await withCommandDatabase(async (database) => {
    const states = await consumerStates(new PrismaEventCursors(database));
    if (json) {
      console.log(JSON.stringify(states, null, 2));
      return;
    }
    if (states.length === 0) console.log('no log consumers: none has run on this database yet');
    else
      printTable(
        ['consumer', 'partition', 'cursor', 'end', 'lag', 'seconds', 'parked', 'epoch', 'owner'],
        states.map(({ name, partition, position, end, lag, lagSeconds, parked, epoch, owner }) => [
          ...[name, nameOf(partition), position, end, lag, Math.round(lagSeconds), parked, epoch, owner ?? '-'],
        ]),
      );
    await printWebhooks(new PrismaWebhookDeliveries(database, DEFAULT_SCHEDULE));
  });
}

/** The consumer `webhooks` only finds the events; this is how their deliveries are. */
async function printWebhooks(deliveries: Pick<WebhookDeliveries, 'counts'>): Promise<void> {
  const { waiting, parked, paused, failing, oldestSeconds } = await deliveries.counts();
  if (waiting + parked + paused + failing === 0) return;
  const oldest = `${waiting} waiting, the oldest for ${Math.round(oldestSeconds)} s`;
  console.log(`deliveries to webhooks: ${oldest}; ${parked} parked; ${paused} paused, ${failing} failing`);
}

/** `parley relay parked`. */
export async function runRelayParked(name: string, { json = false }: { json?: boolean }): Promise<void> {
  await withCursors(async (cursors) => {
    const parked = requireDone(name, await parkedEvents(cursors, name));
    if (json) {
      console.log(JSON.stringify(parked, null, 2));
      return;
    }
    if (parked.length > 0)
      printTable(
        ['partition', 'position', 'sequence', 'code', 'attempts', 'parked at', 'retry'],
        parked.map(({ partition, position, sequence, code, attempts, parkedAt, isRetryRequested }) => [
          ...[nameOf(partition), position, sequence === 0 ? '-' : sequence, code, attempts, parkedAt.toISOString()],
          isRetryRequested ? 'requested' : '-',
        ]),
      );
    const first = parked.length === PARKED_LISTED_MAX ? 'the first ' : '';
    console.log(`${first}${counted(parked.length, 'parked event')}`);
  });
}

/** `parley relay retry`. */
export async function runRelayRetry(name: string): Promise<void> {
  await withCursors(async (cursors) => {
    const count = requireDone(name, await retryParkedEvents(cursors, name));
    console.log(`requested: ${counted(count, 'parked event')} of ${name}`);
  });
}

/** `parley relay rebuild`. */
export async function runRelayRebuild(name: string, { yes = false }: { yes?: boolean }): Promise<void> {
  if (!yes) throw new StartupError([`this delivers the whole log to ${name} again: confirm with --yes`]);
  await withCursors(async (cursors) => {
    const count = requireDone(name, await rebuildConsumer(cursors, name));
    console.log(`${name} starts again from the beginning: ${counted(count, 'cursor')}`);
  });
}

function withCursors(work: (cursors: EventCursors) => Promise<void>): Promise<void> {
  return withCommandDatabase((database) => work(new PrismaEventCursors(database)));
}

function requireDone<T>(name: string, result: ByConsumer<T>): T {
  if (result.outcome === 'done') return result.value;
  const known = result.known.length === 0 ? 'there are none' : `there are: ${result.known.join(', ')}`;
  throw new StartupError([`no log consumer is called ${name}; ${known}`]);
}

function nameOf(partition: number): string {
  return partition === IMPORTED_CHATS ? 'imports' : String(partition);
}

function printTable(head: readonly string[], rows: readonly (string | number)[][]): void {
  console.log(table([head, ...rows.map((row) => row.map(String))]));
}
