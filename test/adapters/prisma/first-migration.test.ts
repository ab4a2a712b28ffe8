/** A database of the first release, with data in it, after the migrations that came since. */
import { cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { assertMigrated } from '../../../src/adapters/prisma/prisma-database.js';
import { readMarkKey } from '../../../src/application/ports/command-store.js';
import { renderEvent } from '../../../src/application/render-event.js';
import { eventEnvelope } from '../../../src/contract/events.js';
import { migrate } from '../../../src/infrastructure/migrations.js';
import { emptyDatabase, migrationsFolder, scratchFolder } from '../../support/services.js';
import { Owner, rejection } from '../store-conformance-fixtures.js';
import { type PrismaHarness, prismaStore, withConnection } from './prisma-harness.js';

const CHAT = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d10';
const MOVED = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d11';
const UNPLACED = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d12';
const message = (n: number) => `0199c1df-0d52-7c0e-8a11-${String(n).padStart(12, '0')}`;

/** As the first release wrote it. */
const DATA = `
  INSERT INTO partitions (partition, epoch, position, published_through) VALUES (0, 1, 10, 10), (1, 1, 900, 900);
  INSERT INTO chats (chat_id, tenant_id, partition, kind, title, metadata, created_by, created_at, last_sequence, last_ordinal,
    member_count, owner_count, last_activity_at) VALUES
    ('${CHAT}', 'default', 0, 'group', 'Tea', '{"b":1,"a":2}', 'alice', '2026-11-20T20:15:00Z', 8, 3, 2, 1, '2026-11-20T20:16:00Z'),
    ('${MOVED}', 'default', 0, 'group', NULL, '{}', 'alice', '2026-11-20T20:15:00Z', 1, 0, 1, 1, '2026-11-20T20:15:00Z'),
    ('${UNPLACED}', 'default', NULL, 'group', NULL, '{}', 'alice', '2026-11-20T20:15:00Z', 1, 0, 1, 1, '2026-11-20T20:15:00Z');
  INSERT INTO members (chat_id, user_id, tenant_id, role, joined_at, joined_sequence, read_sequence, read_ordinal) VALUES
    ('${CHAT}', 'alice', 'default', 'owner', '2026-11-20T20:15:00Z', 1, 5, 3),
    ('${CHAT}', 'carol', 'default', 'member', '2026-11-20T20:15:00Z', 7, 1, 0);
  INSERT INTO messages (chat_id, sequence, message_id, tenant_id, ordinal, sender_id, revision, body, content_type,
    thread_root_id, created_at) VALUES
    ('${CHAT}', 2, '${message(1)}', 'default', 1, 'alice', 1, 'root', 'text/plain', NULL, '2026-11-20T20:15:01Z'),
    ('${CHAT}', 3, '${message(2)}', 'default', 2, 'bob', 1, 'reply', 'text/plain', '${message(1)}', '2026-11-20T20:15:02Z'),
    ('${CHAT}', 5, '${message(3)}', 'default', 3, 'alice', 1, 'reply', 'text/plain', '${message(1)}', '2026-11-20T20:15:03Z');
  INSERT INTO chat_events (partition, position, type, tenant_id, chat_id, sequence, actor_id, command_id, at, payload)
  SELECT partition, position, type, 'default', chat_id::uuid, sequence, 'alice', 'c-' || position, '2026-11-20T20:15:00Z', payload::json
  FROM (VALUES
    (0, 1, 'chat.created', '${CHAT}', 1, '{"kind":"group","title":"Tea","metadata":{"b":1,"a":2},"members":[]}'),
    (0, 2, 'message.created', '${CHAT}', 2, NULL),
    (0, 3, 'message.created', '${CHAT}', 3, NULL),
    (0, 4, 'member.removed', '${CHAT}', 4, '{"userId":"bob","left":true}'),
    (0, 5, 'message.created', '${CHAT}', 5, NULL),
    (0, 6, 'member.added', '${CHAT}', 6, '{"members":[{"userId":"bob","role":"member"}]}'),
    (0, 7, 'member.removed', '${CHAT}', 7, '{"userId":"carol","left":false}'),
    (0, 8, 'command.rejected', NULL, NULL, '{"receipt":{"chatId":null}}'),
    (0, 9, 'member.removed', '${CHAT}', 8, '{"userId":"bob","left":false}'),
    (1, 900, 'chat.created', '${MOVED}', 1, '{"kind":"group","title":null,"metadata":{},"members":[]}'),
    (1, 899, 'chat.created', '${UNPLACED}', 1, '{"kind":"group","title":null,"metadata":{},"members":[]}')
  ) AS e(partition, position, type, chat_id, sequence, payload)`;

describe('A database of the first release', () => {
  let store: PrismaHarness;
  let owner: Owner;

  before(async () => {
    const [first = '', ...since] = readdirSync(migrationsFolder)
      .filter((name) => /^\d/.test(name))
      .sort();
    const firstOnly = scratchFolder('first-migration');
    cpSync(join(migrationsFolder, first), join(firstOnly, first), { recursive: true });
    const url = await emptyDatabase();
    expect(await migrate({ url, folder: firstOnly })).to.deep.equal([first]);
    await withConnection(url, (sql) => sql.query(DATA));
    expect(await migrate({ url, folder: migrationsFolder })).to.deep.equal(since);
    store = prismaStore(url);
    owner = await Owner.of(store);
  });
  after(() => store?.close());

  it('knows where each chat’s latest event stands in the log of the partition it is in', async () => {
    const { chats } = await owner.read({ chats: [CHAT, MOVED, UNPLACED] });
    expect(chats.get(CHAT)).to.deep.include({
      ...{ lastPosition: 9, lastSequence: 8, historyVisibility: 'full', historySequence: 0 },
      metadata: { b: 1, a: 2 },
    });
    // Placed anew since, or not placed at all: a position in another log says nothing.
    expect([chats.get(MOVED)?.lastPosition, chats.get(UNPLACED)?.lastPosition]).to.deep.equal([0, 0]);
  });

  it('counts the replies of its threads', async () => {
    expect(await Promise.all([1, 2, 3].map((n) => store.rows.replies(message(n))))).to.deep.equal([2, 0, 0]);
  });

  it('knows who left last, and where in the log', async () => {
    const departure = (userId: string) => store.rows.departure({ tenantId: 'default', userId, chatId: CHAT });
    expect(await departure('bob')).to.deep.equal({ partition: 0, position: 9 });
    expect(await departure('carol')).to.deep.equal({ partition: 0, position: 7 });
    expect(await departure('alice')).to.equal(null);
  });

  it('gives members that have not been told of reading anything, with their marks as they were', async () => {
    const key = { chatId: CHAT, userId: 'alice' };
    const mark = { chatId: CHAT, upTo: 4 };
    const { members, ordinals } = await owner.read({ members: [key], readMarks: [mark] });
    expect([...members.values()]).to.have.length(1);
    expect([...members.values()][0]).to.include({ readSequence: 5, readOrdinal: 3, readPosition: 0 });
    expect(ordinals.get(readMarkKey(mark))).to.equal(2);
  });

  it('gives its messages and its log as they were', async () => {
    const events = await store.log.readEvents(0, 0, 100);
    expect(events.map(({ event }) => event.type)).to.have.length(9);
    for (const event of events.filter(({ chatId }) => chatId !== null)) {
      const said = JSON.parse(JSON.stringify(renderEvent(event, null, { storeId: 's', recipientsMax: 1 })));
      expect(eventEnvelope(event.event.type).parse(said)).to.deep.equal(said);
    }
    const said = events.flatMap(({ event }) => (event.type === 'message.created' ? [event.message] : []));
    expect(said.map(({ body, revision, editedBy }) => [body, revision, editedBy])).to.deep.equal([
      ...[
        ['root', 1, null],
        ['reply', 1, null],
        ['reply', 1, null],
      ],
    ]);
  });
});

describe('A database from before it was kept what became of a permit', () => {
  const MIGRATION = /_permitted_but_refused$/;
  const decision = (n: number) => `0199c1df-0d52-7c0e-9a11-${String(n).padStart(12, '0')}`;
  const decided = (n: number, effect: string, answer: object) => `
    INSERT INTO decisions VALUES ('${decision(n)}', now(), 'default', 'alice', 'c${n}', NULL, 'message.send', '${effect}', 'r', 'v', '{}', '');
    INSERT INTO receipts (tenant_id, actor_id, command_id, content_hash, receipt, created_at)
    VALUES ('default', 'alice', 'c${n}', '', '${JSON.stringify({ decisionId: decision(n), ...answer })}', now());`;
  const refused = (code: string) => ({ status: 'rejected', reason: { code } });

  it('tells it of the permits whose receipts are still there', async () => {
    const before = scratchFolder('before-permits');
    for (const name of readdirSync(migrationsFolder).sort()) {
      if (MIGRATION.test(name)) break;
      cpSync(join(migrationsFolder, name), join(before, name), { recursive: true });
    }
    const url = await emptyDatabase();
    await migrate({ url, folder: before });
    await withConnection(url, (sql) =>
      sql.query(
        decided(1, 'permit', refused('archived')) +
          decided(2, 'permit', { status: 'accepted' }) +
          decided(3, 'deny', refused('not_permitted')),
      ),
    );
    await migrate({ url, folder: migrationsFolder });
    const migrated = prismaStore(url);
    try {
      const found = await Promise.all([1, 2, 3].map((n) => migrated.decisions.find(decision(n))));
      expect(found.map((one) => one?.refusedAs)).to.deep.equal(['archived', null, null]);
    } finally {
      await migrated.close();
    }
  });
});

/** What these bring only makes things cheaper: no process depends on it. */
const DISPENSABLE: readonly string[] = ['20261130000000_search_statistics'];

describe('A database that lacks some of the migrations', () => {
  it('is told from one that has them all, whichever it stopped at', async () => {
    const migrations = readdirSync(migrationsFolder)
      .filter((name) => /^\d/.test(name))
      .sort();
    const folder = scratchFolder('not-all-migrations');
    const url = await emptyDatabase();
    for (const [index, name] of migrations.entries()) {
      cpSync(join(migrationsFolder, name), join(folder, name), { recursive: true });
      await migrate({ url, folder });
      const { database, close } = prismaStore(url);
      try {
        const isComplete = migrations.slice(index + 1).every((later) => DISPENSABLE.includes(later));
        if (isComplete) await assertMigrated(database);
        else {
          const error = await rejection(assertMigrated(database));
          expect((error as Error).message, name).to.match(/is not migrated \(missing: .+\): run `parley migrate`$/);
        }
      } finally {
        await close();
      }
    }
  });
});
