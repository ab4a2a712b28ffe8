/**
 * Whether integrations delay dispatch: the time from sending a command to its event at the dispatch queue, in turns
 * without a webhook, with one that answers, with one whose endpoint is dead, and with a Kafka that is dead. A relay for
 * webhooks runs all the time. About four minutes.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { v4 } from 'uuid';
import { newSecret } from '../src/application/webhooks/signature.js';
import { freePort } from '../src/infrastructure/free-port.js';
import { DispatchWatch } from './measuring/dispatch-watch.js';
import { quantile } from './measuring/station.js';
import { SteadyLoad } from './quota/steady-load.js';
import { Workload } from './quota/workload.js';
import { spread, table } from './reporting/report.js';
import { type PrivateServices, startPrivateServices } from './running/private-services.js';
import { startParley } from './subjects/parley.js';

const ROUNDS = 4;
const PHASE_SECONDS = 10;
const RATE = 200;
const CHATS = 200;
const OWNED_WITHIN_MS = 60_000;
const POLL_MS = 100;
const CLI = join(fileURLToPath(new URL('.', import.meta.url)), '..', 'src', 'main', 'cli.js');
const VARIANTS = ['none', 'webhook', 'dead webhook', 'dead Kafka'] as const;
type Variant = (typeof VARIANTS)[number];

const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => interruption.abort(new Error('interrupted')));

type Env = Readonly<Record<string, string>>;

const WEBHOOKS: Env = { WEBHOOKS: 'on', WEBHOOK_PORTS: 'any', WEBHOOK_PRIVATE_NETWORKS: '127.0.0.0/8' };

async function startRelay(env: Env, consumers: Env): Promise<ChildProcess> {
  return spawn(process.execPath, [CLI, 'relay'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { PATH: process.env.PATH ?? '', ...env, OPS_PORT: String(await freePort()), ...consumers },
  });
}

async function stopRelay(relay: ChildProcess): Promise<void> {
  if (relay.exitCode !== null || relay.signalCode !== null) return;
  const ended = new Promise((resolve) => relay.once('exit', resolve));
  relay.kill('SIGTERM');
  await ended;
}

/** Waits until the relay has the cursors for Kafka, so that it tries to deliver. */
async function connecting(database: pg.Client): Promise<void> {
  const deadline = Date.now() + OWNED_WITHIN_MS;
  const sql = "SELECT count(*)::int AS owned FROM event_cursors WHERE name = 'kafka' AND owner IS NOT NULL";
  while (((await database.query<{ owned: number }>(sql)).rows[0]?.owned ?? 0) === 0) {
    if (Date.now() > deadline) throw new Error('no relay has taken the cursors of Kafka');
    await sleep(POLL_MS);
  }
}

async function compare(services: PrivateServices, stopping: AbortSignal): Promise<string> {
  const parley = await startParley(services, { workers: 1, partitions: 8, sampleRate: '0.01', nodeFlags: [] });
  let delivered = 0;
  const endpoint = createServer((request, response) => {
    request.resume().once('end', () => {
      delivered += 1;
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
  const relay = await startRelay(parley.env, WEBHOOKS);
  const toKafka: { relay: ChildProcess | null } = { relay: null };
  const database = new pg.Client({ connectionString: parley.databaseUrl });
  await database.connect();
  const dispatch = await DispatchWatch.connect(services.amqpUrl, 'bench.dispatch', true);
  const load = await SteadyLoad.connect(services.amqpUrl, 'bench');
  const workload = new Workload(CHATS);
  /** At most one integration. Nothing listens where the dead ones are. */
  const use = async (variant: Variant) => {
    await database.query('DELETE FROM webhooks');
    if (toKafka.relay !== null) await stopRelay(toKafka.relay);
    toKafka.relay = null;
    if (variant === 'none') return;
    if (variant === 'dead Kafka') {
      const brokers = { KAFKA_BROKERS: `127.0.0.1:${await freePort()}`, KAFKA_TOPIC: 'parley.events' };
      toKafka.relay = await startRelay(parley.env, brokers);
      await connecting(database);
      return;
    }
    const port = variant === 'dead webhook' ? await freePort() : (endpoint.address() as AddressInfo).port;
    const { rows } = await database.query<{ number: string }>(
      `INSERT INTO webhooks (tenant_id, webhook_id, url, offline_only, is_enabled, revision, created_at, updated_at)
       VALUES ('default', $1, $2, false, true, 1, now(), now()) RETURNING number`,
      [v4(), `http://127.0.0.1:${port}/`],
    );
    await database.query('INSERT INTO webhook_secrets (webhook, secret, created_at) VALUES ($1, $2, now())', [
      rows[0]?.number,
      newSecret(),
    ]);
  };
  try {
    await load.run(workload.creations(), RATE, stopping);
    const measured = new Map<Variant, number[][]>(VARIANTS.map((variant) => [variant, []]));
    const counts = new Map<Variant, number>();
    // The first round is the warm-up.
    for (let round = 0; round <= ROUNDS; round += 1) {
      const order = round % 2 === 0 ? VARIANTS : [...VARIANTS].reverse();
      for (const variant of order) {
        await use(variant);
        const code = toKafka.relay?.exitCode ?? null;
        if (code !== null) throw new Error(`the relay to Kafka ended with code ${code}`);
        dispatch.reset();
        delivered = 0;
        const count = RATE * PHASE_SECONDS;
        const prefix = `${round}-${variant.replace(' ', '-')}-`;
        await load.run(workload.messages(count, prefix), RATE, stopping, (id, due) => dispatch.sent(id, due));
        await dispatch.wait(count, stopping);
        if (round > 0) {
          measured.get(variant)?.push(dispatch.latencies);
          counts.set(variant, (counts.get(variant) ?? 0) + delivered);
        }
      }
      console.error(`integrations: ${round === 0 ? 'warm-up' : `round ${round} of ${ROUNDS}`}`);
    }
    const row = (label: string, share: number) => [
      label,
      ...VARIANTS.map((variant) =>
        spread(
          (measured.get(variant) ?? []).map((all) => quantile(all, share)),
          1,
        ),
      ),
    ];
    const { rows } = await database.query<{ waiting: number; attempts: number }>(
      `SELECT (SELECT count(*) FROM webhook_deliveries)::int AS waiting,
        (SELECT max(failures) FROM webhook_endpoints)::int AS attempts`,
    );
    return table([
      [`${RATE}/s, ${ROUNDS} turns of ${PHASE_SECONDS} s`, ...VARIANTS],
      row('send → dispatch, p50, ms', 0.5),
      row('send → dispatch, p99, ms', 0.99),
      ['deliveries taken', ...VARIANTS.map((variant) => String(counts.get(variant) ?? 0))],
      ['waiting at the end, failures in a row', '', '', `${rows[0]?.waiting}, ${rows[0]?.attempts}`, ''],
    ]);
  } finally {
    if (toKafka.relay !== null) await stopRelay(toKafka.relay);
    await stopRelay(relay);
    await Promise.all([load.close(), dispatch.close(), database.end()]);
    endpoint.closeAllConnections();
    endpoint.close();
    await parley.stop();
  }
}

let services: PrivateServices | null = null;
try {
  services = await startPrivateServices();
  console.log(await compare(services, interruption.signal));
} catch (error) {
  console.error(`bench: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  await services?.stop();
}
