import { expect } from 'chai';
import type pg from 'pg';
import { FAULT_KINDS, type FaultKind } from '../../../../src/application/ports/store/store-audit.js';
import { SteadyLoad } from '../../../chaos/steady-load.js';
import { eventually } from '../../../support/eventually.js';
import { type Conversation, playConversation } from '../../../support/fleet/conversation.js';
import { Fleet } from '../../../support/fleet/fleet.js';
import { emptyDatabase } from '../../../support/services/services.js';
import { withConnection } from '../../prisma/prisma-harness.js';
import { cli } from './run-cli.js';
import { warmCli } from './warm-cli.js';

const TEST_TIMEOUT_MS = 240_000;
const PUBLISHED_WITHIN_MS = 20_000;
const LOOKS_UNDER_LOAD = 5;
const NOWHERE = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9aff';

interface Verdict {
  ok: boolean;
  rows: number;
  counts: Partial<Record<FaultKind, number>>;
  faults: { kind: FaultKind; chatId: string | null; partition: number | null; detail: string }[];
}

interface Damage {
  what: string;
  kinds: FaultKind[];
  /** SQL statements. `CHAT` is replaced by the conversation's chat, `SAID` by its softly deleted message. */
  plant: string;
  mend: string;
}

const copyTable = (table: string) => `CREATE TABLE kept AS SELECT * FROM ${table} WHERE`;
const putBack = (table: string) => `INSERT INTO ${table} SELECT * FROM kept; DROP TABLE kept`;
const change = (table: string, set: string, back: string, where: string) => ({
  plant: `UPDATE ${table} SET ${set} WHERE ${where}`,
  mend: `UPDATE ${table} SET ${back} WHERE ${where}`,
});
const OF_CHAT = "chat_id = 'CHAT'";
const TALK = "chat_id = 'TALK'";
const FIRST_IN_TALK = `${TALK} AND sequence = 2`;

const DAMAGES: Damage[] = [
  {
    what: 'an event that is gone',
    kinds: ['sequence-missing', 'message-without-event', 'position-missing', 'receipt'],
    plant: `${copyTable('chat_events')} ${FIRST_IN_TALK}; DELETE FROM chat_events WHERE ${FIRST_IN_TALK}`,
    mend: putBack('chat_events'),
  },
  {
    what: 'a number that is there twice',
    kinds: ['sequence-repeated'],
    plant: `DROP INDEX chat_events_chat_id_sequence_key; INSERT INTO chat_events
      SELECT -1, 1, type, tenant_id, chat_id, sequence, actor_id, command_id, at, payload FROM chat_events WHERE ${FIRST_IN_TALK}`,
    mend: `DELETE FROM chat_events WHERE partition = -1;
      CREATE UNIQUE INDEX chat_events_chat_id_sequence_key ON chat_events (chat_id, sequence)`,
  },
  {
    what: 'a chat that has forgotten its last number',
    kinds: ['sequence-beyond'],
    ...change('chats', 'last_sequence = last_sequence - 1', 'last_sequence = last_sequence + 1', OF_CHAT),
  },
  {
    what: 'a message that is gone without a stub',
    kinds: ['event-without-message', 'ordinal'],
    plant: `${copyTable('messages')} ${FIRST_IN_TALK}; DELETE FROM messages WHERE ${FIRST_IN_TALK}`,
    mend: putBack('messages'),
  },
  {
    what: 'a message that was deleted hard and is there all the same',
    kinds: ['message-doubled', 'ordinal'],
    plant: `INSERT INTO removed_messages SELECT chat_id, sequence, message_id, tenant_id, ordinal, sender_id, created_at FROM messages WHERE ${FIRST_IN_TALK}`,
    mend: `DELETE FROM removed_messages WHERE ${FIRST_IN_TALK}`,
  },
  {
    what: 'a message that no event tells of',
    kinds: ['message-without-event', 'ordinal'],
    plant: `INSERT INTO messages (chat_id, sequence, message_id, tenant_id, ordinal, sender_id, revision, body, content_type, created_at)
      SELECT chat_id, 1, gen_random_uuid(), tenant_id, 99, sender_id, 1, body, content_type, created_at FROM messages WHERE ${FIRST_IN_TALK}`,
    mend: `DELETE FROM messages WHERE ${TALK} AND sequence = 1`,
  },
  {
    what: 'an ordinal that is wrong',
    kinds: ['ordinal'],
    ...change('messages', 'ordinal = ordinal + 1000', 'ordinal = ordinal - 1000', FIRST_IN_TALK),
  },
  {
    what: 'a count of messages that is wrong',
    kinds: ['ordinal'],
    ...change('chats', 'last_ordinal = last_ordinal + 1', 'last_ordinal = last_ordinal - 1', TALK),
  },
  {
    what: 'counts of members and owners that are wrong',
    kinds: ['member-count', 'owner-count'],
    ...change(
      'chats',
      'member_count = member_count + 1, owner_count = 0',
      'member_count = member_count - 1, owner_count = 1',
      OF_CHAT,
    ),
  },
  {
    what: 'a read mark beyond the end',
    kinds: ['read-mark'],
    ...change(
      'members',
      'read_sequence = read_sequence + 1000',
      'read_sequence = read_sequence - 1000',
      `${OF_CHAT} AND user_id = 'carol'`,
    ),
  },
  {
    what: 'a chat that is hidden beyond its end',
    kinds: ['read-mark'],
    ...change('members', 'hidden_ordinal = 1000', 'hidden_ordinal = NULL', `${OF_CHAT} AND user_id = 'carol'`),
  },
  {
    what: 'a user who is counted in more chats than there are',
    kinds: ['user-chats'],
    ...change('user_chats', 'joined = joined + 1', 'joined = joined - 1', "user_id = 'carol'"),
  },
  {
    what: 'a user who created other chats than are counted',
    kinds: ['user-chats'],
    ...change('user_chats', 'created = created - 1', 'created = created + 1', "user_id = 'alice'"),
  },
  {
    what: 'a user whose chats are not counted',
    kinds: ['user-chats'],
    plant: `${copyTable('user_chats')} user_id = 'bob'; DELETE FROM user_chats WHERE user_id = 'bob'`,
    mend: putBack('user_chats'),
  },
  {
    what: 'a user who is counted in a chat, and is in none',
    kinds: ['user-chats'],
    plant: `INSERT INTO user_chats VALUES ('default', 'nobody', 0, 1)`,
    mend: `DELETE FROM user_chats WHERE user_id = 'nobody'`,
  },
  {
    what: 'a count of reactions that nobody has given',
    kinds: ['reaction-count'],
    plant: `INSERT INTO reaction_counts VALUES ('SAID', ':nobody:', 0)`,
    mend: `DELETE FROM reaction_counts WHERE emoji = ':nobody:'`,
  },
  {
    what: 'a count of reactions that is wrong',
    kinds: ['reaction-count'],
    ...change('reaction_counts', 'count = count + 1', 'count = count - 1', "message_id = 'SAID'"),
  },
  {
    what: 'a thread that counts a reply that is gone',
    kinds: ['thread-replies'],
    ...change('threads', 'replies = replies + 1', 'replies = replies - 1', "root_id = 'SAID'"),
  },
  {
    what: 'an earlier text that is no earlier one',
    kinds: ['revision'],
    plant: `INSERT INTO message_revisions SELECT message_id, 7, 'secret words', NULL, NULL, 'alice', now() FROM messages WHERE ${FIRST_IN_TALK}`,
    mend: 'DELETE FROM message_revisions WHERE revision = 7',
  },
  {
    what: 'a deleted message whose earlier text is still there',
    kinds: ['deleted-text'],
    plant: `INSERT INTO message_revisions VALUES ('SAID', 1, 'secret words', NULL, NULL, 'alice', now())`,
    mend: `DELETE FROM message_revisions WHERE message_id = 'SAID'`,
  },
  {
    what: 'a deleted message that still says something',
    kinds: ['deleted-text'],
    ...change('messages', "body = 'secret words'", 'body = NULL', "message_id = 'SAID'"),
  },
  {
    what: 'texts, reactions and threads of no message',
    kinds: ['row-without-message'],
    plant: `INSERT INTO message_revisions VALUES ('${NOWHERE}', 1, 'secret words', NULL, NULL, 'alice', now());
      INSERT INTO reactions VALUES ('${NOWHERE}', ':tea:', 'alice', now()); INSERT INTO reaction_counts VALUES ('${NOWHERE}', ':tea:', 1);
      INSERT INTO threads VALUES ('${NOWHERE}', 1)`,
    mend: `DELETE FROM message_revisions WHERE message_id = '${NOWHERE}'; DELETE FROM reactions WHERE message_id = '${NOWHERE}';
      DELETE FROM reaction_counts WHERE message_id = '${NOWHERE}'; DELETE FROM threads WHERE root_id = '${NOWHERE}'`,
  },
  {
    what: 'a chat that is gone',
    kinds: ['row-without-chat', 'event-without-chat', 'user-chats'],
    plant: `${copyTable('chats')} ${TALK}; DELETE FROM chats WHERE ${TALK}`,
    mend: putBack('chats'),
  },
  {
    what: 'a chat that syncing would overlook',
    kinds: ['last-position'],
    ...change('chats', 'last_position = last_position - 1', 'last_position = last_position + 1', OF_CHAT),
  },
  {
    what: 'somebody who left without a note of it',
    kinds: ['departure'],
    plant: `${copyTable('departures')} ${OF_CHAT}; DELETE FROM departures WHERE ${OF_CHAT}`,
    mend: putBack('departures'),
  },
  {
    what: 'a note of a departure that never was',
    kinds: ['departure'],
    plant: `INSERT INTO departures VALUES ('default', 'bob', 'CHAT', 0, 1)`,
    mend: `DELETE FROM departures WHERE user_id = 'bob'`,
  },
  {
    what: 'a log that goes on beyond its end',
    kinds: ['position-beyond', 'published-beyond'],
    ...change('partitions', 'position = position - 1', 'position = position + 1', 'position > 0'),
  },
  {
    what: 'a floor of the log above what is published',
    kinds: ['floor-beyond'],
    ...change('partitions', 'log_floor = position + 1', 'log_floor = 0', 'position > 0'),
  },
  {
    what: 'an event below the floor that is gone and is no rejected command',
    kinds: ['position-missing'],
    plant: `UPDATE partitions SET log_floor = published_through WHERE position > 0;
      ${copyTable('chat_events')} type = 'chat.read'; DELETE FROM chat_events WHERE type = 'chat.read'`,
    mend: `UPDATE partitions SET log_floor = 0; ${putBack('chat_events')}`,
  },
  {
    what: 'a rejected command that is gone and was not pruned',
    kinds: ['position-missing'],
    plant: `${copyTable('chat_events')} type = 'command.rejected'; DELETE FROM chat_events WHERE type = 'command.rejected'`,
    mend: putBack('chat_events'),
  },
  {
    what: 'events that wait',
    kinds: ['unpublished'],
    plant: `UPDATE partitions SET published_through = 0 WHERE position > 0;
      UPDATE chat_events SET at = at - interval '1 hour' WHERE position = 1`,
    mend: `UPDATE partitions SET published_through = position; UPDATE chat_events SET at = at + interval '1 hour' WHERE position = 1`,
  },
  {
    what: 'a receipt that names what is not there',
    kinds: ['receipt'],
    plant: `INSERT INTO receipts (slot, key, content_hash, chat_id, sequence, at, tenant_id, actor_id, rest)
      VALUES (0, receipt_key('default', 'alice', 'planted'), md5('')::uuid, 'CHAT', 999, now(), 'default', 'alice', '')`,
    mend: `DELETE FROM receipts WHERE key = receipt_key('default', 'alice', 'planted')`,
  },
  {
    what: 'a receipt of another command than the event that it names',
    kinds: ['receipt'],
    plant: `UPDATE receipts SET key = receipt_key(tenant_id, actor_id, 'another') WHERE ${OF_CHAT} AND sequence = 1`,
    mend: `UPDATE receipts r SET key = receipt_key(e.tenant_id, e.actor_id, e.command_id) FROM chat_events e
      WHERE r.sequence = 1 AND e.chat_id = r.chat_id AND e.sequence = r.sequence`,
  },
  {
    what: 'a receipt in the tables of two periods',
    kinds: ['receipt-doubled'],
    plant: `INSERT INTO receipts SELECT (jsonb_populate_record(r, '{"slot": 1}')).* FROM receipts r WHERE ${OF_CHAT} AND sequence = 1`,
    mend: 'DELETE FROM receipts WHERE slot = 1',
  },
  {
    what: 'partitions in different periods',
    kinds: ['receipt-period'],
    plant: 'UPDATE partitions SET receipt_period = 1 WHERE partition <> 0',
    mend: 'UPDATE partitions SET receipt_period = 0',
  },
  {
    what: 'an import that was given up',
    kinds: ['abandoned-import'],
    plant: `INSERT INTO chats SELECT '${NOWHERE}', tenant_id, -1, kind, title, metadata, created_by, created_at, NULL, 50, 0, 0, 0, now() FROM chats WHERE ${OF_CHAT}`,
    mend: `DELETE FROM chats WHERE chat_id = '${NOWHERE}'`,
  },
];

describe('parley verify', function () {
  this.timeout(TEST_TIMEOUT_MS);
  let fleet: Fleet;
  let talk: { chatId: string; users: string[] };
  let conversation: Conversation;

  before(async () => {
    fleet = await Fleet.create({ partitions: 4, keepEvents: false });
    const worker = await fleet.startWorker();
    await worker.ready();
    await fleet.connect();
    talk = await fleet.createGroup(2);
    for (const body of ['one', 'two', 'three'])
      await fleet.producer.request({
        ...{ type: 'message.send', commandId: `talk-${body}`, actorId: talk.users[0] ?? '', chatId: talk.chatId },
        data: { body },
      });
    await fleet.producer.request({
      ...{ type: 'message.send', commandId: 'refused', actorId: talk.users[0] ?? '', chatId: talk.chatId },
      data: { body: '' },
    });
    conversation = await playConversation((command) => fleet.producer.request(command));
    await eventually(
      async () => (await fleet.query('SELECT FROM partitions WHERE published_through < position')).length === 0,
      { within: PUBLISHED_WITHIN_MS, what: 'all of it noted as published' },
    );
  });
  after(() => fleet?.close());

  async function verify(...args: string[]): Promise<{ code: number | null; verdict: Verdict }> {
    const { code, stdout, stderr } = await warmCli(['verify', '--json', ...args], { DATABASE_URL: fleet.databaseUrl });
    expect(stdout, stderr.join('\n')).to.not.deep.equal([]);
    return { code, verdict: JSON.parse(stdout.join('\n')) as Verdict };
  }
  const filled = (sql: string) =>
    sql
      .replaceAll('CHAT', conversation.chatId)
      .replaceAll('TALK', talk.chatId)
      .replaceAll('SAID', conversation.talkedAbout);
  const run = (sql: string) =>
    withConnection(fleet.databaseUrl, (client: pg.Client) => client.query(`BEGIN; ${filled(sql)}; COMMIT`));

  it('refuses invalid arguments in one line', async () => {
    const empty = await emptyDatabase();
    const cases: [string[], Record<string, string>, RegExp][] = [
      [[], {}, /^parley: DATABASE_URL is required$/],
      [[], { DATABASE_URL: empty }, /is not migrated/],
      [['--chat', NOWHERE], { DATABASE_URL: fleet.databaseUrl }, /^parley: there is no chat 0199c1de/],
      [['--chat', 'X'], { DATABASE_URL: fleet.databaseUrl }, /It must be a chat id\.$/],
    ];
    for (const [args, env, expected] of cases) {
      const { code, stdout, stderr } = await warmCli(['verify', ...args], env);
      expect({ code, stdout }, stderr.join('\n')).to.deep.equal({ code: 1, stdout: [] });
      expect(stderr, stderr.join('\n')).to.have.length(1);
      expect(stderr[0]).to.match(expected);
    }
  });

  it('finds no fault in a healthy store or one of its chats', async () => {
    const { code, stdout } = await cli(['verify'], { DATABASE_URL: fleet.databaseUrl });
    expect({ code, stdout }).to.deep.equal({ code: 0, stdout: ['no faults'] });
    const { verdict } = await verify('--chat', conversation.chatId);
    expect(verdict).to.deep.equal({ ok: true, rows: verdict.rows, counts: {}, faults: [] });
    expect(verdict.rows).to.be.greaterThan(15);
  });

  it('finds no false fault while workers write, one dies, and another takes over', async () => {
    const chats = await Promise.all(Array.from({ length: 12 }, () => fleet.createGroup(2)));
    const load = new SteadyLoad(fleet, 'load', chats);
    let isOver = false;
    const talking = (async () => {
      while (!isOver) await playConversation((command) => fleet.producer.request(command));
    })();
    try {
      for (let look = 0; look < LOOKS_UNDER_LOAD; look += 1) {
        const { code, verdict } = await verify();
        expect(verdict.faults, JSON.stringify(verdict.faults)).to.deep.equal([]);
        expect(code).to.equal(0);
      }
    } finally {
      isOver = true;
      await talking;
      await load.stop();
    }
    await fleet.allAnswered();
    const second = await fleet.startWorker();
    await second.ready();
    const again = new SteadyLoad(fleet, 'again', chats);
    await fleet.workers[0]?.kill();
    for (let look = 0; look < 2; look += 1) {
      const { verdict } = await verify();
      expect(verdict.faults, JSON.stringify(verdict.faults)).to.deep.equal([]);
    }
    await again.stop();
    await fleet.allAnsweredAfterAsking();
    await second.stop();
    expect((await verify()).verdict.faults).to.deep.equal([]);
  });

  for (const { what, kinds, plant, mend } of DAMAGES)
    it(`finds ${what}`, async () => {
      await run(plant);
      try {
        const { code, verdict } = await verify();
        expect(code).to.equal(1);
        expect(verdict.ok).to.equal(false);
        expect(Object.keys(verdict.counts), JSON.stringify(verdict.faults)).to.have.members(kinds);
        expect(JSON.stringify(verdict)).to.not.include('secret words');
      } finally {
        await run(mend);
      }
    });

  it('has reported every kind of fault, also as text', async () => {
    expect([...new Set(DAMAGES.flatMap(({ kinds }) => kinds))]).to.have.members([...FAULT_KINDS]);
    expect((await verify()).verdict.faults).to.deep.equal([]);
    await run(`UPDATE chats SET member_count = 99 WHERE ${OF_CHAT}`);
    const { code, stdout } = await cli(['verify'], { DATABASE_URL: fleet.databaseUrl });
    expect(code).to.equal(1);
    expect(stdout).to.deep.equal([
      `member-count ${conversation.chatId}: the chat counts 99 members, there are 3`,
      '1 fault: member-count 1',
    ]);
  });
});
