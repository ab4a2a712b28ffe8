/**
 * The promise of the client: whatever is lost, cut or killed, it has what syncing anew gives, each event once. Random
 * conversations over a gateway that resyncs, restores, cuts and withholds, and clients that crash after every kind of
 * frame and during their transactions.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import { WebSocket } from 'ws';
import type { ChatRecord, MessageRecord } from '../../../../src/client/realtime/chat-records.js';
import type { ChatStorage, StorageWrite } from '../../../../src/client/realtime/chat-storage.js';
import { ChatStore } from '../../../../src/client/realtime/chat-store.js';
import type { FeedChange, FeedStore } from '../../../../src/client/realtime/feed.js';
import { MemoryStorage } from '../../../../src/client/realtime/memory-storage.js';
import { connectRealtime, type RealtimeClient } from '../../../../src/client/realtime/realtime-client.js';
import { eventually } from '../../../support/eventually.js';
import { ChatWorld, type Random } from './chat-world.js';
import { fastTime } from './manual-time.js';
import { KINDS, type Kind, ModelGateway } from './model-gateway.js';

const RUNS = 25;
const STEPS = 150;
const WITHIN_MS = 20_000;
/** A bug that a run can show is found in at most this many. */
const RUNS_FOR_A_BUG = 40;
const SPEED = 100;

/** Mulberry32. */
function randomOf(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** What a crash of the client leaves is what was committed. */
class Disk extends MemoryStorage {
  /** Of the transactions, one in so many fails. 0: none. */
  failsOneIn = 0;
  tearsTransactions = false;

  constructor(private readonly random: Random) {
    super();
  }

  /** The storage as one process has it. */
  open(): { storage: ChatStorage; kill(): void } {
    let isAlive = true;
    const check = () => {
      if (!isAlive) throw new Error('the process was killed');
    };
    const storage: ChatStorage = {
      load: async () => {
        check();
        return this.load();
      },
      commit: async (write) => {
        check();
        await this.commitOrFail(write);
        check();
      },
      message: (...asked) => this.message(...asked),
      messageById: (...asked) => this.messageById(...asked),
      messages: (...asked) => this.messages(...asked),
      countMessages: (...asked) => this.countMessages(...asked),
      close: () => undefined,
    };
    return {
      storage,
      kill: () => {
        isAlive = false;
      },
    };
  }

  private async commitOrFail(write: StorageWrite): Promise<void> {
    const fails = this.failsOneIn > 0 && this.random(this.failsOneIn) === 0;
    if (fails && this.random(2) === 0) {
      if (this.tearsTransactions)
        await this.commit({
          clear: false,
          drop: [],
          chats: [],
          messages: [],
          owner: write.owner,
          resumeToken: write.resumeToken,
        });
      throw new Error('the transaction failed');
    }
    await this.commit(write);
    if (fails) throw new Error('the outcome of the transaction is unknown');
  }
}

interface Plant {
  tearsTransactions?: boolean;
  /** Between the client and its store. */
  wrap?(store: ChatStore): FeedStore;
  endsResumedWalks?: boolean;
}

const without = (kind: FeedChange['kind']) => (store: ChatStore) => ({
  load: () => store.load(),
  apply: (changes: readonly FeedChange[]) => store.apply(changes.filter((change) => change.kind !== kind)),
});

const PLANTS: Record<string, Plant> = {
  'the resume token is written before the data that it covers': { tearsTransactions: true },
  'the sequences are forgotten in a crash': {
    wrap: (store) => ({
      load: async () => ({ ...(await store.load()), sequences: [] }),
      apply: (changes) => store.apply(changes),
    }),
  },
  'a reset keeps the old copy': { wrap: without('reset') },
  'a chat that was left is kept': { wrap: without('left') },
  'a restored store keeps the old chats': { wrap: without('clear') },
  'the state of the chat is not taken from sync': { wrap: without('chat') },
  'the gateway ends a resumed walk at its old cut': { endsResumedWalks: true },
};

describe('A realtime client and its chat store', function () {
  this.timeout(120_000);
  const crashes = new Map<Kind, number>();

  for (let seed = 1; seed <= RUNS; seed += 1)
    it(`has what syncing anew gives, each event once (seed ${seed})`, () => run(seed, {}, crashes));

  it('has crashed after every kind of frame', () => {
    expect([...crashes.keys()]).to.have.members([...KINDS]);
  });

  for (const [name, plant] of Object.entries(PLANTS))
    it(`is found to be wrong if ${name}`, async () => {
      for (let seed = 1; seed <= RUNS_FOR_A_BUG; seed += 1)
        try {
          await run(seed, plant, new Map(), 2_000);
        } catch (error) {
          expect(String(error)).to.match(/differs|order|reset/);
          return;
        }
      expect.fail(`not found in ${RUNS_FOR_A_BUG} runs`);
    });
});

async function run(seed: number, plant: Plant, crashes: Map<Kind, number>, withinMs = WITHIN_MS): Promise<void> {
  const random = randomOf(seed);
  const world = new ChatWorld(random);
  const gateway = await ModelGateway.start(world);
  gateway.endsResumedWalks = plant.endsResumedWalks === true;
  const disk = new Disk(random);
  disk.tearsTransactions = plant.tearsTransactions === true;
  const faults: string[] = [];
  let crashAfter: Kind | null = null;
  let isCrashDue = false;
  gateway.onSent = (kind) => {
    if (kind !== crashAfter) return;
    crashes.set(kind, (crashes.get(kind) ?? 0) + 1);
    crashAfter = null;
    isCrashDue = true;
  };
  for (let count = 0; count < 3; count += 1) world.create();
  let life = start(gateway, disk, plant, faults);
  try {
    disk.failsOneIn = 25;
    for (let step = 0; step < STEPS; step += 1) {
      world.step();
      const what = random(12);
      if (what < 6) gateway.tick(random);
      else if (what === 6 && random(3) === 0) gateway.cut();
      else if (what === 7 && random(4) === 0) {
        world.storeId += random(6) === 0 ? 1 : 0;
        gateway.resync(random);
      } else if (what === 8) {
        const { chatId = '' } = world.chats[random(world.chats.length)] ?? {};
        if (random(2) === 0) life.client.openChat(chatId);
        else life.client.closeChat(chatId);
      } else if (what === 9 && crashAfter === null) crashAfter = KINDS[random(KINDS.length)] ?? null;
      for (let turns = random(6); turns > 0; turns -= 1) await turn();
      if (!isCrashDue) continue;
      isCrashDue = false;
      for (let turns = random(4); turns > 0; turns -= 1) await turn();
      life.kill();
      life = start(gateway, disk, plant, faults);
    }
    disk.failsOneIn = 0;
    const fresh = start(gateway, new Disk(random), {}, faults);
    try {
      await eventually(
        async () => {
          // A client that has opened all chats misses nothing.
          for (const { chatId } of world.chats) for (const { client } of [life, fresh]) client.openChat(chatId);
          gateway.tick(random);
          const isDone = gateway.isIdle && [life, fresh].every(({ client }) => client.state.kind === 'live');
          if (!isDone) return undefined;
          expect(await contentOf(life.store), 'differs from a fresh sync').to.deep.equal(await contentOf(fresh.store));
          return true;
        },
        { within: withinMs, what: `seed ${seed}` },
      );
      const mine = world.chats.filter(({ members }) => members.has('alice'));
      expect([...life.store.chats.keys()].sort(), 'differs: the chats').to.deep.equal(
        mine.map(({ chatId }) => chatId).sort(),
      );
      for (const chat of mine) {
        const record = life.store.chats.get(chat.chatId);
        expect(record?.state, 'differs: the state of a chat').to.deep.equal(world.chatOf(chat));
        expect(record?.lastSequence, 'differs: the last sequence').to.equal(chat.lastSequence);
        const reactions = (await life.store.messages(chat.chatId, { limit: 10_000 })).flatMap(
          (message) => message.reactions,
        );
        const visible = chat.messages.filter(({ sequence }) => sequence >= world.firstVisible(chat));
        const expected = visible.reduce((sum, message) => sum + message.reactions.size, 0);
        expect(
          reactions.reduce((sum, { count }) => sum + count, 0),
          'differs: the reactions',
        ).to.equal(expected);
      }
      expect(faults).to.deep.equal([]);
    } finally {
      fresh.kill();
    }
  } finally {
    life.kill();
    await gateway.stop();
  }
}

/** One process of a client. */
function start(gateway: ModelGateway, disk: Disk, { wrap }: Plant, faults: string[]) {
  const { storage, kill } = disk.open();
  const store = new ChatStore(storage);
  const last = new Map<string, number>();
  const client: RealtimeClient = connectRealtime({
    ...{ url: gateway.url, webSocket: WebSocket as never, token: () => 'token', time: fastTime(SPEED) },
    store: wrap?.(store) ?? store,
    onError: () => undefined,
    onChanges: (changes) => {
      for (const change of changes)
        if (change.kind === 'clear') last.clear();
        else if (change.kind === 'reset' || change.kind === 'left') last.delete(change.chatId);
        else if (change.kind === 'event' && change.sequence !== null) {
          const { chatId } = change.event.data as { chatId: string };
          const before = last.get(chatId);
          if (before !== undefined && change.sequence <= before)
            faults.push(`order: ${change.event.id} after ${before}`);
          last.set(chatId, change.sequence);
        }
    },
  });
  return {
    ...{ client, store },
    kill: () => {
      kill();
      void client.close();
    },
  };
}

/** Without the marks of others, which are hints. */
async function contentOf(store: ChatStore): Promise<{ chat: Partial<ChatRecord>; messages: MessageRecord[] }[]> {
  const chats = [...store.chats.values()].sort((a, b) => (a.chatId < b.chatId ? -1 : 1));
  return Promise.all(
    chats.map(async ({ readMarks: _, deliveryMarks: __, ...chat }) => ({
      chat,
      messages: await store.messages(chat.chatId, { limit: 10_000 }),
    })),
  );
}
