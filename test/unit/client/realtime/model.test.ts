/**
 * The promise of the client: whatever is lost, cut or killed, it has what syncing anew gives, each event once. Random
 * conversations over a gateway that resyncs, restores, cuts and withholds, and clients that crash after every kind of
 * frame and during their transactions.
 */
import { expect } from 'chai';
import type { ChatRecord, MessageRecord } from '../../../../src/client/realtime/chat-records.js';
import type { ChatStorage, StorageWrite } from '../../../../src/client/realtime/chat-storage.js';
import { ChatStore } from '../../../../src/client/realtime/chat-store.js';
import type { FeedChange, FeedStore } from '../../../../src/client/realtime/feed.js';
import { MemoryStorage } from '../../../../src/client/realtime/memory-storage.js';
import { connectRealtime, type RealtimeClient } from '../../../../src/client/realtime/realtime-client.js';
import { ChatWorld, type Random } from './chat-world.js';
import { KINDS, type Kind, ModelGateway } from './model-gateway.js';
import { SimulatedNetwork } from './simulated-network.js';

/** `npm run proof -- client`: 10,000. */
const RUNS = Number(process.env.PARLEY_CLIENT_RUNS ?? 200);
const STEPS = 150;
/** Afterwards, everything has arrived in at most so many turns of the gateway. */
const TURNS_MAX = 200;

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

  constructor(private readonly network: SimulatedNetwork) {
    super();
  }

  /** The storage as one process has it. */
  open(): { storage: ChatStorage; kill(): void } {
    const { random } = this.network;
    const writes = this.network.channel();
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
        await new Promise<void>((resolve) => writes.push(resolve));
        // A process that is killed while it writes has written, or has not.
        if (isAlive || random(2) === 0) await this.commitOrFail(write);
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
        for (const end of writes) end();
        this.network.release(writes);
      },
    };
  }

  private async commitOrFail(write: StorageWrite): Promise<void> {
    const { random } = this.network;
    const fails = this.failsOneIn > 0 && random(this.failsOneIn) === 0;
    if (fails && random(2) === 0) {
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
  wrap?(store: FeedStore): FeedStore;
  endsResumedWalks?: boolean;
}

const without = (kind: FeedChange['kind']) => (store: FeedStore) => ({
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
      for (let seed = 1; seed <= RUNS; seed += 1)
        try {
          await run(seed, plant, new Map());
        } catch (error) {
          expect(String(error)).to.match(/differs|order|reset/);
          return;
        }
      expect.fail(`not found in ${RUNS} runs`);
    });
});

async function run(seed: number, plant: Plant, crashes: Map<Kind, number>): Promise<void> {
  const random = randomOf(seed);
  const network = new SimulatedNetwork(random);
  const world = new ChatWorld(random);
  const gateway = new ModelGateway(network, world);
  gateway.endsResumedWalks = plant.endsResumedWalks === true;
  const disk = new Disk(network);
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
  let life = start(network, disk, plant, faults);
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
    for (let turns = random(10); turns > 0; turns -= 1) await network.step();
    if (!isCrashDue) continue;
    isCrashDue = false;
    for (let turns = random(6); turns > 0; turns -= 1) await network.step();
    life.kill();
    life = start(network, disk, plant, faults);
  }
  disk.failsOneIn = 0;
  const fresh = start(network, new Disk(network), {}, faults);
  for (let turns = 0; ; turns += 1) {
    // A client that has opened all chats misses nothing.
    for (const { chatId } of world.chats) for (const { client } of [life, fresh]) client.openChat(chatId);
    gateway.tick(random);
    await network.quiesce();
    if (gateway.isIdle && [life, fresh].every(({ client }) => client.state.kind === 'live')) break;
    if (turns >= TURNS_MAX) expect.fail(`differs: ${life.client.state.kind} after ${TURNS_MAX} turns`);
  }
  expect(await contentOf(life.store), 'differs from a fresh sync').to.deep.equal(await contentOf(fresh.store));
  expect(life.shown, 'differs: what listeners of the store know').to.deep.equal(life.store.chats);
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
  expect(faults, 'order').to.deep.equal([]);
}

/** One process of a client. */
function start(network: SimulatedNetwork, disk: Disk, { wrap }: Plant, faults: string[]) {
  const { storage, kill } = disk.open();
  const store = new ChatStore(storage);
  const last = new Map<string, number>();
  /** The chats as a listener of the store knows them. */
  const shown = new Map<string, ChatRecord>();
  const show = (chatIds: Iterable<string>) => {
    for (const chatId of chatIds) {
      const chat = store.chats.get(chatId);
      if (chat === undefined) shown.delete(chatId);
      else shown.set(chatId, chat);
    }
  };
  store.onChange(({ chatIds }) => show(chatIds));
  let isLoaded = false;
  const observed: FeedStore = {
    load: async () => {
      const stored = await store.load();
      // What a transaction of unknown outcome has written is not announced as an event.
      last.clear();
      for (const [chatId, sequence] of stored.sequences) last.set(chatId, sequence);
      if (!isLoaded) show(store.chats.keys());
      isLoaded = true;
      return stored;
    },
    apply: (changes) => store.apply(changes),
  };
  const client: RealtimeClient = connectRealtime({
    ...{ url: 'ws://gateway', webSocket: network.webSocket, token: () => 'token', time: network.time },
    store: wrap?.(observed) ?? observed,
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
    ...{ client, store, shown },
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
