/** What waits for webhooks, on rows that are written directly. */
import { expect } from 'chai';
import { PrismaWebhookAdministration } from '../../../../src/adapters/stores/prisma/webhooks/prisma-webhook-administration.js';
import { PrismaWebhookDeliveries } from '../../../../src/adapters/stores/prisma/webhooks/prisma-webhook-deliveries.js';
import {
  type DueLane,
  type OwnedPartition,
  REPLAY_MAX,
  SECRETS_MAX,
  type Settlement,
} from '../../../../src/application/ports/store/webhooks.js';
import { DEFAULT_SCHEDULE } from '../../../../src/application/webhooks/retry-schedule.js';
import { openPrismaStore, type PrismaHarness } from '../prisma-harness.js';

const CHAT = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d10';
const ID = '0199c1e0-1a2b-7c3d-8e4f-5a6b7c8d9e0f';
const KEY = { tenantId: 'default', webhookId: ID };
const OWNED: OwnedPartition = { partition: 0, epoch: 1 };

describe('The deliveries of webhooks in PostgreSQL', () => {
  let store: PrismaHarness;
  let deliveries: PrismaWebhookDeliveries;
  let administration: PrismaWebhookAdministration;

  beforeEach(async () => {
    store = await openPrismaStore();
    deliveries = new PrismaWebhookDeliveries(store.database, DEFAULT_SCHEDULE, () => 0);
    administration = new PrismaWebhookAdministration(store.database);
    await store.database.$executeRaw`INSERT INTO partitions (partition) VALUES (0)`;
    await store.database.$executeRaw`
      INSERT INTO event_cursors (name, partition, position, epoch) VALUES ('webhooks', 0, 0, 1)`;
    await webhook();
  });
  afterEach(() => store.close());

  const webhook = () => store.database.$executeRaw`
    INSERT INTO webhooks (tenant_id, webhook_id, url, offline_only, is_enabled, revision, created_at, updated_at)
    VALUES ('default', ${ID}::uuid, 'https://bot.example/', false, true, 1, now() - interval '1 hour', now())`;

  /** Events `from` to `to` of the log, all in one chat. */
  const log = (from: number, to: number, ageSeconds = 0) => store.database.$executeRaw`
    INSERT INTO chat_events (partition, position, type, tenant_id, chat_id, sequence, actor_id, command_id, at)
    SELECT 0, n, 'chat.archived', 'default', ${CHAT}::uuid, n, 'alice', 'c', now() - ${ageSeconds}::float8 * interval '1 second'
    FROM generate_series(${from}::int4, ${to}::int4) n`;

  const due = async (): Promise<DueLane> => {
    const [lane] = await deliveries.due([0], 4);
    if (lane === undefined) throw new Error('nothing is due');
    return lane;
  };
  const positions = (lane: DueLane, limit = 10_000) =>
    deliveries.waiting({ number: lane.number, partition: 0, lane: lane.lane }, 0, limit);
  const failing = (lane: DueLane, position: number): Settlement => ({
    outcome: 'failed',
    ...{ key: { number: lane.number, partition: 0, lane: CHAT }, position, code: 'status-500' },
    ...{ retryAfterMs: 0, pauseMs: null, countsForEndpoint: true, isProbe: lane.isProbe },
  });
  const delivered = (lane: DueLane, position: number): Settlement => ({
    outcome: 'delivered',
    ...{ key: { number: lane.number, partition: 0, lane: CHAT }, position, isAnswered: true },
  });

  it('keeps at most 1,000 waiting events, the rest in the log, and takes them in order later', async () => {
    await administration.addSecret(KEY, 'whsec_AA==', 0);
    const count = 2_600;
    await log(1, count);
    for (let after = 0; after < count; after += 500)
      expect(await deliveries.take(OWNED, after, Math.min(after + 500, count))).to.equal(true);
    expect(await administration.find(KEY)).to.include({ waiting: 1_000, hasBacklog: true });
    const got: number[] = [];
    while (got.length < count) {
      const lane = await due();
      const some = await positions(lane);
      expect(some.length).to.be.within(1, 1_500);
      got.push(...some);
      await deliveries.settle(
        OWNED,
        some.map((position) => delivered(lane, position)),
      );
      while (await deliveries.takeBacklog(OWNED)) if ((await administration.find(KEY))?.waiting !== 0) break;
    }
    expect(got).to.deep.equal(Array.from({ length: count }, (_, n) => n + 1));
    while (await deliveries.takeBacklog(OWNED));
    expect(await administration.find(KEY)).to.include({ waiting: 0, hasBacklog: false });
    expect(await deliveries.due([0], 4)).to.deep.equal([]);
  });

  it('lets a limited number of secrets overlap', async () => {
    for (let number = 0; number < SECRETS_MAX; number += 1)
      expect(await administration.addSecret(KEY, `whsec_${number}`, 60_000)).to.equal('added');
    expect(await administration.addSecret(KEY, 'whsec_more', 60_000)).to.equal('too-many');
    expect(await administration.find(KEY)).to.include({ secrets: SECRETS_MAX });
    expect(await administration.addSecret(KEY, 'whsec_only', 0)).to.equal('added');
    await log(1, 1);
    await deliveries.take(OWNED, 0, 1);
    expect((await due()).secrets).to.deep.equal(['whsec_only']);
    expect(await administration.addSecret({ ...KEY, tenantId: 'other' }, 'whsec_x', 0)).to.equal('unknown-webhook');
  });

  it('replays no more while many events wait, and every event of a chat that has moved', async () => {
    await log(1, REPLAY_MAX);
    // Until here the chat was in partition 7, and its last event is in partition 0.
    await store.database.$executeRaw`UPDATE chat_events SET partition = 7`;
    await log(REPLAY_MAX + 1, REPLAY_MAX + 1);
    const replay = (fromSequence: number) => administration.replay(KEY, { what: 'chat', chatId: CHAT, fromSequence });
    expect(await replay(1)).to.deep.equal({ outcome: 'done', events: REPLAY_MAX, nextSequence: REPLAY_MAX + 1 });
    expect(await replay(REPLAY_MAX + 1)).to.deep.equal({ outcome: 'too-many-waiting' });
    await store.database.$executeRaw`DELETE FROM webhook_deliveries WHERE position = 1`;
    expect(await replay(REPLAY_MAX + 1)).to.deep.equal({ outcome: 'done', events: 1, nextSequence: null });
    expect((await deliveries.counts()).waiting).to.equal(REPLAY_MAX);
  });

  it('gives a webhook nothing that was committed before it was created', async () => {
    await log(1, 1, 2 * 3600);
    await log(2, 2);
    await deliveries.take(OWNED, 0, 2);
    await administration.addSecret(KEY, 'whsec_AA==', 0);
    expect(await positions(await due())).to.deep.equal([2]);
  });

  it('lets a former owner neither take nor settle anything', async () => {
    await administration.addSecret(KEY, 'whsec_AA==', 0);
    await log(1, 2);
    await deliveries.take(OWNED, 0, 1);
    const lane = await due();
    const former = { partition: 0, epoch: 0 };
    expect(await deliveries.take(former, 1, 2)).to.equal(false);
    expect(await deliveries.settle(former, [delivered(lane, 1), failing(lane, 1)])).to.equal(false);
    expect(await administration.find(KEY)).to.deep.include({ waiting: 1 });
    expect((await administration.find(KEY))?.state).to.include({ failures: 0 });
    expect(await deliveries.owned('nobody')).to.deep.equal([]);
  });

  it('leaves an endpoint alone after three failures, and lets one relay probe it', async () => {
    await administration.addSecret(KEY, 'whsec_AA==', 0);
    await log(1, 1);
    await deliveries.take(OWNED, 0, 1);
    for (let failure = 1; failure <= 3; failure += 1) {
      const lane = await due();
      expect(lane).to.include({ isProbe: false, attempts: failure - 1 });
      await deliveries.settle(OWNED, [failing(lane, 1)]);
    }
    expect(await deliveries.due([0], 4)).to.deep.equal([]);
    const { state } = (await administration.find(KEY)) ?? { state: null };
    expect(state).to.include({ failures: 3, code: 'status-500' });
    const pauseMs = (state?.notBefore?.getTime() ?? 0) - Date.now();
    expect(pauseMs).to.be.within(3_000, 6_000);
    await store.database.$executeRaw`UPDATE webhook_endpoints SET not_before = now()`;
    const [one, two] = await Promise.all([deliveries.due([0], 4), deliveries.due([0], 4)]);
    expect([...one, ...two].map(({ isProbe, attempts }) => ({ isProbe, attempts }))).to.deep.equal([
      { isProbe: true, attempts: 3 },
    ]);
    const [probe] = [...one, ...two] as [DueLane];
    await deliveries.settle(OWNED, [delivered(probe, 1)]);
    expect((await administration.find(KEY))?.state).to.include({ failures: 0, code: null, notBefore: null });
  });

  it('counts failures that were under way while the endpoint is left alone once', async () => {
    await administration.addSecret(KEY, 'whsec_AA==', 0);
    await log(1, 1);
    await deliveries.take(OWNED, 0, 1);
    const lane = await due();
    for (let failure = 0; failure < 8; failure += 1) await deliveries.settle(OWNED, [failing(lane, 1)]);
    expect((await administration.find(KEY))?.state).to.include({ failures: 3 });
  });

  it('deletes what is left of a webhook, and gives nothing of it to a later one with the same id', async () => {
    await administration.addSecret(KEY, 'whsec_AA==', 0);
    await log(1, 3);
    await deliveries.take(OWNED, 0, 3);
    await store.database.$executeRaw`DELETE FROM webhooks`;
    await webhook();
    expect(await administration.find(KEY)).to.include({ waiting: 0, secrets: 0, parked: 0 });
    expect(await deliveries.due([0], 4)).to.deep.equal([]);
    await deliveries.clean();
    for (const table of ['webhook_secrets', 'webhook_deliveries', 'webhook_lanes']) {
      const rows = await store.database.$queryRawUnsafe<{ count: number }[]>(
        `SELECT count(*)::int AS count FROM ${table}`,
      );
      expect(rows[0]?.count, table).to.equal(0);
    }
  });
});
