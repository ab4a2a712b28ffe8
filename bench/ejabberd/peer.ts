import { randomBytes } from 'node:crypto';
import { cpuSeconds } from '../measuring/cpu-time.js';
import { quantile } from '../measuring/station.js';
import { query } from '../running/private-services.js';
import type { Peer, PeerFigures } from '../subjects/peer.js';
import { makeConversations, userName } from './conversations.js';
import { findEjabberd } from './installed-program.js';
import { Load } from './load.js';
import { startNode } from './node.js';

const MS_PER_SECOND = 1000;
const MICROSECONDS_PER_SECOND = 1_000_000;
/** How long to wait for the archive after the last delivery. */
const ARCHIVE_LIMIT_MS = 30_000;
/** Copies of a message in the archive: one for each of two users, or one for their room. */
const ROWS = { oneToOne: 2, room: 1 };

export interface PeerOptions {
  /** Number of clients, all online. */
  clients: number;
  /** Number of conversations, each between two clients. */
  conversations: number;
  /** Conversations are rooms of two, like Parley's groups, instead of one-to-one. */
  inRooms: boolean;
  /** Conversations are picked by Zipf 1.0, like Parley's chats, instead of uniformly. */
  isZipf: boolean;
  inFlight: number;
}

/** Result of one load. `stored` counts messages with all copies in the archive; all receivers are online. */
export interface EjabberdFigures extends PeerFigures {
  /** Share of one core that the load driver used. Near 1, the driver was the bottleneck. */
  driverShare: number;
  ledger: { sent: number; delivered: number; archived: number; doubled: number; lost: number };
}

export interface Ejabberd extends Peer {
  measure(count: number, prefix: string, progress: (delivered: number) => void): Promise<EjabberdFigures>;
}

/**
 * A private ejabberd with its archive in PostgreSQL, and its clients, all online.
 * @param postgres process id, and URL of any database of the server; ejabberd gets a new database on it
 * @throws Error with one line; before anything is started if ejabberd is not installed
 */
export async function startEjabberd(
  postgres: { url: string; pid: number },
  options: PeerOptions,
  stopping: AbortSignal,
): Promise<Ejabberd> {
  const installed = findEjabberd();
  const conversations = makeConversations(options.conversations, options.clients);
  stopping.throwIfAborted();
  const name = options.inRooms ? 'bench_ejabberd_rooms' : 'bench_ejabberd';
  await query(postgres.url, `CREATE DATABASE ${name}`);
  const database = new URL(postgres.url);
  database.pathname = `/${name}`;
  const node = await startNode(installed, database.href);
  try {
    const password = randomBytes(12).toString('base64url');
    const users = Array.from({ length: options.clients }, (_, client) => userName(client));
    await query(database.href, 'INSERT INTO users (username, password) SELECT unnest($1::text[]), $2', [
      users,
      password,
    ]);
    const load = await Load.open(node.port, password, { ...options, conversations }, stopping);
    return {
      title: `ejabberd ${installed.version}, ${options.inRooms ? 'rooms' : 'one-to-one'}`,
      measure: (count, prefix, progress) =>
        measure(
          { load, databaseUrl: database.href, node: node.pid, postgres: postgres.pid, ...options },
          count,
          prefix,
          progress,
        ),
      stop: async () => {
        await load.stop();
        await node.stop();
      },
    };
  } catch (error) {
    await node.stop();
    throw error;
  }
}

interface Measured {
  load: Load;
  databaseUrl: string;
  node: number;
  postgres: number;
  inRooms: boolean;
}

async function measure(
  { load, databaseUrl, node, postgres, inRooms }: Measured,
  count: number,
  prefix: string,
  progress: (delivered: number) => void,
): Promise<EjabberdFigures> {
  const clocks = () => {
    const { user, system } = process.cpuUsage();
    return {
      service: cpuSeconds([node]),
      postgres: cpuSeconds([postgres]),
      driver: (user + system) / MICROSECONDS_PER_SECOND,
    };
  };
  const before = clocks();
  const began = performance.now();
  const { sent, delivered, doubled, refused, latencies } = await load.run(count, prefix, progress);
  const deliveredMs = performance.now() - began;
  const after = clocks();
  const archive = await awaitArchive(databaseUrl, prefix, count, inRooms ? ROWS.room : ROWS.oneToOne);
  // Counting takes time. If the first count is complete, the archive was complete at the last delivery.
  const storedMs = archive.looks === 1 ? deliveredMs : performance.now() - began;
  const ledger = {
    sent,
    delivered,
    archived: archive.archived,
    doubled: doubled + archive.doubled,
    lost: sent - refused - Math.min(delivered, archive.archived),
  };
  const perMillion = (kind: keyof typeof before) => ((after[kind] - before[kind]) / count) * MICROSECONDS_PER_SECOND;
  return {
    storedPerSecond: (ledger.archived / storedMs) * MS_PER_SECOND,
    dispatchedPerSecond: (delivered / deliveredMs) * MS_PER_SECOND,
    latencyMs: { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) },
    cpu: { service: perMillion('service'), postgres: perMillion('postgres'), driver: perMillion('driver') },
    driverShare: ((after.driver - before.driver) / deliveredMs) * MS_PER_SECOND,
    ledger,
    faults: [
      ...(sent === count ? [] : [`${sent} of ${count} sent`]),
      ...(refused === 0 ? [] : [`${refused} refused`]),
      ...(delivered === count ? [] : [`${delivered} of ${count} delivered`]),
      ...(ledger.archived === count ? [] : [`${ledger.archived} of ${count} archived`]),
      ...(ledger.doubled === 0 ? [] : [`${ledger.doubled} doubled`]),
    ],
  };
}

/** Counts until every message has all of its copies, or no more copies arrive. */
async function awaitArchive(
  databaseUrl: string,
  prefix: string,
  count: number,
  copies: number,
): Promise<{ archived: number; doubled: number; looks: number }> {
  const deadline = performance.now() + ARCHIVE_LIMIT_MS;
  for (let looks = 1; ; looks += 1) {
    const [row] = await query<{ archived: number; doubled: number }>(
      databaseUrl,
      `SELECT count(*) FILTER (WHERE copies >= $2)::int AS archived, count(*) FILTER (WHERE copies > $2)::int AS doubled
       FROM (SELECT count(*) AS copies FROM archive WHERE starts_with(txt, $1) GROUP BY split_part(txt, ' ', 1)) AS messages`,
      [prefix, copies],
    );
    const { archived, doubled } = row ?? { archived: 0, doubled: 0 };
    if (archived >= count || performance.now() > deadline) return { archived, doubled, looks };
  }
}
