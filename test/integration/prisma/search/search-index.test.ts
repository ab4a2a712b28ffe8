/** A deleted text can never be found, and its words leave the index, whatever an indexer is doing at that moment. */
import { expect } from 'chai';
import fc from 'fast-check';
import pg from 'pg';
import { PrismaSearchIndex } from '../../../../src/adapters/stores/prisma/search/prisma-search-index.js';
import type { IndexedMessage } from '../../../../src/application/ports/store/search-index.js';
import { Relay } from '../../../../src/application/relay/relay.js';
import { SEARCH_CONSUMER, SearchIndexer } from '../../../../src/application/search/search-indexer.js';
import { eraseMessage, type Message, stubOf } from '../../../../src/domain/message.js';
import { indexedWords } from '../../../../src/domain/search/indexed-words.js';
import { aChatWithMessages, aMember, anEvent, later, Owner, PARTITIONS } from '../../../conformance/store/fixtures.js';
import { collectedLog } from '../../../support/collected-log.js';
import { eventually } from '../../../support/eventually.js';
import { defaultPolicy } from '../../../support/policies/default-policy.js';
import { fastTime, RECIPIENTS_MAX } from '../../../support/relay-harness.js';
import { lockWaiters, openPrismaStore, type PrismaHarness, WAITS_FOR_LOCKS } from '../prisma-harness.js';
import { plantedErasure, plantedPut } from './planted-statements.js';

const CURSOR = { name: SEARCH_CONSUMER, partition: 0, epoch: 0 };
const ALICE = { tenantId: 'default', userId: 'alice' };
const WITHIN_MS = 30_000;
const MINUTE_MS = 60_000;

let store: PrismaHarness;
let owner: Owner;
let index: PrismaSearchIndex;
let sql: pg.Client;

before(async () => {
  store = await openPrismaStore(WAITS_FOR_LOCKS);
  owner = await Owner.of(store);
  index = new PrismaSearchIndex(store.database);
  sql = new pg.Client({ connectionString: store.url });
  await sql.connect();
  await store.cursors.create(SEARCH_CONSUMER, 'now', false);
});
after(async () => {
  await sql.end();
  await store.close();
});

async function said(...bodies: string[]): Promise<Message[]> {
  const { messages } = await owner.write((position) => {
    const made = aChatWithMessages(position, bodies.length);
    const texts = made.messages.map((message, at) => ({ ...message, body: bodies[at] ?? null }));
    const events = made.events.map((event) =>
      event.event.type === 'message.created'
        ? { ...event, event: { ...event.event, message: texts[(event.sequence ?? 0) - 2] as Message } }
        : event,
    );
    return { ...made, messages: texts, events, chatsCreated: [made.chat], membersPut: [aMember(made.chat, 'alice')] };
  });
  return messages;
}

const wordsOf = ({ messageId, revision, senderId, body }: Message): IndexedMessage => ({
  ...{ messageId, revision, senderId },
  words: indexedWords(body ?? ''),
});

async function indexed({ messageId }: Message): Promise<string | null> {
  const { rows } = await sql.query<{ words: string | null }>('SELECT words FROM message_search WHERE message_id = $1', [
    messageId,
  ]);
  return rows[0]?.words ?? null;
}

const erase = (message: Message) => owner.write(() => ({ messagesChanged: [eraseMessage(message, later(9))] }));
const remove = (message: Message) => owner.write(() => ({ messagesRemoved: [stubOf(message)] }));
const found = async (text: string) => (await store.search.search(ALICE, 'all', { text }, null, 10)).found;

/** Holds a row's lock while a statement begins and waits for it, and something else happens. */
async function held(row: string, waits: () => Promise<unknown>, meanwhile: () => Promise<unknown>): Promise<void> {
  const holder = new pg.Client({ connectionString: store.url });
  await holder.connect();
  try {
    await holder.query('BEGIN');
    await holder.query(`SELECT FROM ${row} FOR UPDATE`);
    const waiting = waits();
    await lockWaiters(sql, 1);
    await meanwhile();
    await holder.query('COMMIT');
    await waiting;
  } finally {
    await holder.end();
  }
}

describe('The search index', () => {
  const PARTITION_ROW = 'partitions WHERE partition = 0';
  const CURSOR_ROW = `event_cursors WHERE name = '${SEARCH_CONSUMER}' AND partition = 0`;

  it('loses the words of a text that was put while its deletion waited', async () => {
    for (const deletes of [erase, remove]) {
      const [message] = (await said('tea at five')) as [Message];
      await held(
        PARTITION_ROW,
        () => deletes(message),
        () => index.put(CURSOR, null, [wordsOf(message)]),
      );
      expect(await indexed(message)).to.equal(null);
    }
  });

  it('shows it where a deletion deletes what its snapshot has (planted)', async () => {
    const [message] = (await said('tea at five')) as [Message];
    const worker = new pg.Client({ connectionString: store.url, application_name: 'parley' });
    await worker.connect();
    await held(
      PARTITION_ROW,
      () => plantedErasure(worker, 0, message.messageId),
      () => index.put(CURSOR, null, [wordsOf(message)]),
    );
    await worker.end();
    expect(await indexed(message)).to.equal('tea at five');
  });

  it('does not get the words of a text that was deleted or replaced while the indexer waited', async () => {
    const [erased, removed, edited] = (await said('tea one', 'tea two', 'tea three')) as [Message, Message, Message];
    await held(
      CURSOR_ROW,
      () => index.put(CURSOR, null, [erased, removed, edited].map(wordsOf)),
      async () => {
        await erase(erased);
        await remove(removed);
        await owner.write(() => ({ messagesChanged: [{ ...edited, revision: 2, body: 'coffee' }] }));
      },
    );
    for (const message of [erased, removed, edited]) expect(await indexed(message)).to.equal(null);
    await index.put(CURSOR, null, [wordsOf({ ...edited, revision: 2, body: 'coffee' })]);
    expect(await indexed(edited)).to.equal('coffee');
  });

  it('shows it where an indexer ignores marks (planted)', async () => {
    const [message] = (await said('tea one')) as [Message];
    const indexer = new pg.Client({ connectionString: store.url, application_name: 'parley' });
    await indexer.connect();
    await held(
      CURSOR_ROW,
      () => plantedPut(indexer, CURSOR, wordsOf(message), { ignoresMarks: true }),
      () => erase(message),
    );
    await indexer.end();
    expect(await indexed(message)).to.equal('tea one');
  });

  it('does not get words that come after the mark was pruned, and keeps young marks', async () => {
    const [message, other] = (await said('tea old', 'tea young')) as [Message, Message];
    await erase(message);
    await erase(other);
    await sql.query('UPDATE message_search SET created_at = created_at - $2::interval WHERE message_id = $1', [
      message.messageId,
      `${11 * MINUTE_MS} milliseconds`,
    ]);
    await index.prune(1_000);
    const { rows } = await sql.query('SELECT FROM message_search WHERE message_id = ANY ($1)', [
      [message.messageId, other.messageId],
    ]);
    expect(rows).to.have.length(1);
    await index.put(CURSOR, null, [wordsOf(message)]);
    expect(await indexed(message)).to.equal(null);

    await plantedPut(sql, CURSOR, wordsOf(message), { ignoresMessages: true });
    expect(await indexed(message), 'planted').to.equal('tea old');
  });

  it('moves the cursor with the words, and takes nothing under an outdated epoch', async () => {
    const [message] = (await said('tea fenced')) as [Message];
    expect(await index.put({ ...CURSOR, epoch: 7 }, 5, [wordsOf(message)])).to.equal(false);
    expect(await index.put({ ...CURSOR, epoch: 7 }, null, [wordsOf(message)])).to.equal(false);
    expect(await indexed(message)).to.equal(null);
    const [before] = await store.cursors.states();
    expect(await index.put(CURSOR, (before?.position ?? 0) + 1, [wordsOf(message)])).to.equal(true);
    const [now] = await store.cursors.states();
    expect(now?.position).to.equal((before?.position ?? 0) + 1);
    expect(await indexed(message)).to.equal('tea fenced');
    // Once more, as after a lost answer: nothing changes, also not backwards.
    expect(await index.put(CURSOR, before?.position ?? 0, [wordsOf(message)])).to.equal(true);
    expect((await store.cursors.states())[0]?.position).to.equal(now?.position);
  });

  it('does not show a text that is indexed and was deleted by a worker without search', async () => {
    const [message] = (await said('forgotten tea')) as [Message];
    await index.put(CURSOR, null, [wordsOf(message)]);
    expect(await found('forgotten')).to.have.length(1);
    await sql.query('UPDATE messages SET body = NULL WHERE message_id = $1', [message.messageId]);
    expect(await found('forgotten')).to.deep.equal([]);
  });
});

type Act = { kind: 'edit' | 'erase' | 'remove'; at: number };

describe('The search index beside a busy indexer', function () {
  this.timeout(120_000);
  const MESSAGES = 40;
  const relays: Relay[] = [];
  afterEach(async () => {
    for (const relay of relays.splice(0)) await relay.stop();
  });

  function relay(relayId: string): Relay {
    const { log } = store;
    const started = new Relay({
      relayId,
      consumers: [new SearchIndexer({ index, time: fastTime, isBusy: () => false })],
      cursors: store.cursors,
      log: store.followed,
      audience: {
        log: store.followed,
        present: log,
        profiles: store.queries,
        policy: defaultPolicy(),
        recipientsMax: RECIPIENTS_MAX,
      },
      render: { storeId: 'store', recipientsMax: RECIPIENTS_MAX },
      observer: { delivered() {}, parked() {}, overtaken() {}, tookOver() {} },
      logger: collectedLog().logger,
      time: fastTime,
    });
    started.start();
    relays.push(started);
    return started;
  }

  it('has exactly the words of the present texts in the end, and never those of a deleted one', async () => {
    const act = fc.record({
      kind: fc.constantFrom<Act['kind']>('edit', 'erase', 'remove'),
      at: fc.nat(MESSAGES - 1),
    });
    await sql.query('DELETE FROM event_cursors');
    relay('first');
    relay('second');
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 30, maxLength: 60 }), async (acts) => {
        const texts = Array.from({ length: MESSAGES }, (_, at) => `first text number${at}`);
        const messages = new Map((await said(...texts)).map((message, at) => [at, message]));
        const stale = [...messages.values()].map(wordsOf);
        // An indexer that has read long ago, and resumes at any time.
        const zombie = (async () => {
          for (const message of stale) await index.put({ ...CURSOR, epoch: await epochNow() }, null, [message]);
        })();
        for (const { kind, at } of acts) {
          const message = messages.get(at);
          if (message === undefined || message.body === null) continue;
          const changed = await changedBy(kind, message);
          messages.set(at, changed);
          const words = await indexed(message);
          if (changed.body === null) expect(words).to.equal(null);
          else expect([null, changed.body]).to.include(words);
        }
        await zombie;
        await eventually(
          async () => {
            for (const message of messages.values()) expect(await indexed(message)).to.equal(message.body);
            return true;
          },
          { within: WITHIN_MS, what: 'the words of all present texts' },
        );
      }),
      { numRuns: 8 },
    );
  });

  async function epochNow(): Promise<number> {
    return (await store.cursors.states()).find(({ partition }) => partition === 0)?.epoch ?? 0;
  }

  async function changedBy(kind: Act['kind'], message: Message): Promise<Message> {
    const at = (await store.registry.heartbeat('worker-1', MINUTE_MS)).partitions[0]?.position ?? 0;
    const { chatId, tenantId } = message;
    const place = { chatId, tenantId, sequence: 1_000 + at };
    if (kind === 'edit') {
      const edited = { ...message, revision: message.revision + 1, body: `text ${at} edited`, editedBy: 'alice' };
      await owner.write((position) => ({
        messagesChanged: [edited],
        events: [anEvent(position + 1, { type: 'message.edited', message: edited }, place)],
      }));
      return edited;
    }
    if (kind === 'erase') await erase(message);
    else await remove(message);
    return { ...message, body: null };
  }

  it('covers every partition', async () => {
    expect((await store.cursors.states()).filter(({ partition }) => partition >= 0)).to.have.length(PARTITIONS);
  });
});
