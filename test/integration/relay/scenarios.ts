/** Scenarios of relays. Each returns its faults. Planted bugs replace methods of the ports. */
import type { OwnedCursor } from '../../../src/application/ports/store/log/event-cursors.js';
import type { LoggedEvent } from '../../../src/application/ports/store/log/event-log.js';
import { aChatWithMessages, Owner } from '../../conformance/store/fixtures.js';
import type { StoreHarness } from '../../conformance/store/store-conformance.js';
import { eventually } from '../../support/eventually.js';
import { type RelayHarness, type RelayPorts, TestConsumer, WITHIN_MS } from '../../support/relay-harness.js';

const ALL = 1_000;
/** Of a relay that is going to be frozen: another one takes its cursors this long after its last sign of life. */
const SHORT_LEASE_MS = 200;

/** `count` events of a new chat: its creation and messages. */
export async function write(store: StoreHarness, count: number, partition = 0): Promise<LoggedEvent[]> {
  const owner = await Owner.of(store, partition);
  const { events } = await owner.write((at) => {
    const { chat, messages, events } = aChatWithMessages(at, count - 1, { partition });
    return { chatsCreated: [chat], messages, events };
  });
  return events;
}

export async function cursorOf(store: StoreHarness, partition = 0) {
  const state = (await store.cursors.states()).find((one) => one.partition === partition && one.name === 'test');
  if (state === undefined) throw new Error('there is no such cursor');
  return state;
}

export interface Zombie {
  /** Of the relay that freezes. */
  ports?: (store: StoreHarness) => RelayPorts['cursors'];
  /** Where it freezes: before the sink has the events, or after. */
  freezesAt: 'sink' | 'cursor';
}

/**
 * A relay freezes while it delivers 5 to 8. Its successor delivers 5 and freezes; the first one resumes; the successor
 * dies; a third one delivers the rest.
 */
export async function zombie(harness: RelayHarness, { ports, freezesAt }: Zombie): Promise<string[]> {
  const { store } = harness;
  await write(store, 4);
  const [frozen, resumed, settled, delivered, died] = [gate(), gate(), gate(), gate(), gate()];
  const freeze = () => {
    frozen.open();
    return resumed.passed;
  };
  const shortly = (id: string, names: readonly string[]) => store.cursors.tend(id, names, SHORT_LEASE_MS);
  const own = ports?.(store) ?? {};
  const move = own.move ?? store.cursors.move.bind(store.cursors);
  const consumer = new TestConsumer(harness.folder, 'beginning', 'exclude', async ({ partition, after }) => {
    if (freezesAt === 'sink' && partition === 0 && after >= 4) await freeze();
    return null;
  });
  harness.start('a-relay', consumer, {
    cursors: {
      ...own,
      tend: (id, names) => (frozen.isOpen ? Promise.reject(new Error('frozen')) : shortly(id, names)),
      move: async (cursor: OwnedCursor, position: number) => {
        if (freezesAt === 'cursor' && cursor.partition === 0 && position > 4) await freeze();
        const isMoved = await move(cursor, position);
        if (resumed.isOpen) settled.open();
        return isMoved;
      },
    },
  });
  await harness.caughtUp();
  await write(store, 4);
  await frozen.passed;

  const onlyFirst = new TestConsumer(harness.folder, 'beginning', 'exclude', async () => ({
    outcome: 'failed',
    index: 1,
    code: 'dying',
  }));
  harness.start('b-relay', onlyFirst, {
    cursors: {
      tend: (id, names) => (delivered.isOpen ? Promise.reject(new Error('dead')) : shortly(id, names)),
      park: async () => {
        delivered.open();
        await died.passed;
        throw new Error('dead');
      },
    },
  });
  await delivered.passed;
  const before = (await cursorOf(store)).position;
  resumed.open();
  if (freezesAt === 'cursor') await settled.passed;
  else
    await eventually(() => harness.logged.lines.some((line) => line.includes('cursor lost')), {
      within: WITHIN_MS,
      what: 'the first relay learns that it has lost the cursor',
    });
  const faults = (await cursorOf(store)).position === before ? [] : ['a former owner has moved the cursor'];
  await write(store, 4);
  harness.start('c-relay');
  await harness.caughtUp();
  died.open();
  return [...faults, ...(await harness.faults())];
}

/** The sink fails while a relay delivers 5 to 8, and the relay stops; another one delivers the rest. */
export async function crashBeforeDelivery(
  harness: RelayHarness,
  ports: (store: StoreHarness) => RelayPorts['log'],
): Promise<string[]> {
  const { store } = harness;
  await write(store, 4);
  const failed = gate();
  const consumer = new TestConsumer(harness.folder, 'beginning', 'exclude', async ({ partition, after }) => {
    if (partition !== 0 || after < 4) return null;
    failed.open();
    throw new Error('the sink is down');
  });
  harness.start('a-relay', consumer, { log: ports(store) ?? {} });
  await harness.caughtUp();
  await write(store, 4);
  await failed.passed;
  await harness.stop('a-relay');
  harness.start('b-relay');
  await harness.caughtUp();
  return harness.faults();
}

/** Position 3 of 6 is not there for a while, as in a store that is being repaired. */
export async function hole(
  harness: RelayHarness,
  ports: (store: StoreHarness) => RelayPorts['log'],
): Promise<string[]> {
  const { store } = harness;
  await write(store, 6);
  const repaired = gate();
  const read = ports(store)?.read ?? store.followed.read.bind(store.followed);
  harness.start('relay', undefined, {
    log: {
      read: async (partition, after, limit) => {
        const stretch = await read(partition, after, limit);
        const isThere = repaired.isOpen || partition !== 0;
        return isThere ? stretch : { ...stretch, events: stretch.events.filter(({ position }) => position !== 3) };
      },
    },
  });
  await eventually(
    async () => harness.logged.lines.some((line) => line.includes('has no position 3')) || (await harness.isCaughtUp()),
    { within: WITHIN_MS, what: 'the relay waits at the hole, or has passed it' },
  );
  repaired.open();
  await harness.caughtUp();
  return harness.faults();
}

/** The second message is refused by the sink, and then erased. Its text must be nowhere, whatever was parked. */
export async function poison(
  harness: RelayHarness,
  code: (text: string) => string,
  ports: (store: StoreHarness) => RelayPorts['cursors'],
): Promise<string[]> {
  const { store } = harness;
  const events = await write(store, 5);
  const text = 'message 3';
  const consumer = new TestConsumer(harness.folder, 'beginning', 'exclude', async ({ events, isRetry }) => {
    if (isRetry) return null;
    const index = events.findIndex(({ entry }) => textOf(entry) === text);
    return index === -1 ? null : { outcome: 'failed', index, code: code(text) };
  });
  harness.start('relay', consumer, { cursors: ports(store) ?? {} });
  await harness.caughtUp();
  const position = events.find((event) => textOf(event) === text)?.position ?? 0;
  const parked = await store.cursors.parked('test', ALL);
  return [
    ...(parked.length === 1 && parked[0]?.position === position ? [] : [`parked: ${JSON.stringify(parked)}`]),
    ...(JSON.stringify(parked).includes(text) ? ['the text of a parked event is stored'] : []),
    ...(await harness.faults(0, [position])),
  ];
}

export function textOf({ event }: LoggedEvent): string | null {
  return event.type === 'message.created' ? event.message.body : null;
}

export interface Gate {
  passed: Promise<void>;
  isOpen: boolean;
  open(): void;
}

export function gate(): Gate {
  let resolve: () => void = () => undefined;
  const passed = new Promise<void>((done) => {
    resolve = done;
  });
  const made: Gate = {
    passed,
    isOpen: false,
    open() {
      made.isOpen = true;
      resolve();
    },
  };
  return made;
}
