import { expect } from 'chai';
import { partitionOf } from '../../../../src/adapters/transports/in-process/in-process-transport.js';
import { add, create, GROUP, OTHER_GROUP, send } from '../commands/drafts.js';
import { DECISION_RETENTION_MS, RETENTION_MS, range, WorkerHarness } from './worker-harness.js';

let harness: WorkerHarness;
afterEach(() => harness?.close());

/** From now on the chat belongs to another partition; by default one that does not exist. */
function moveAway(chatId: string, partition = 5): void {
  const chat = harness.world.chats.get(chatId);
  if (chat === undefined) throw new Error(`no chat ${chatId}`);
  harness.world.chats.set(chatId, { ...chat, partition });
}

const texts = (chatId: string, ...bodies: string[]) =>
  bodies.map((body) => send('alice', chatId, body, {}, { commandId: body }));

describe('A command that cannot be answered', () => {
  it('is dead-lettered as malformed, unchanged, and its neighbours are processed in order', async () => {
    harness = await WorkerHarness.open();
    await harness.given(create('alice', GROUP, []));
    const [one, two, three] = texts(GROUP, 'one', 'two', 'three');
    if (one === undefined || two === undefined || three === undefined) throw new Error('three were asked for');
    const bodies = [Buffer.from('{"actorId":'), Buffer.from([0xff, 0xfe]), Buffer.from('[]')];
    harness.publish(one);
    for (const body of bodies) harness.publish({ ...two, properties: { body } });
    harness.publish(two, { ...two, properties: { messageId: undefined } }, three);
    await harness.until('the neighbours are answered', () => harness.receipts.length === 4);

    expect(harness.bodies(GROUP)).to.deep.equal(['one', 'two', 'three']);
    expect(harness.reasonsBuried()).to.deep.equal(Array(4).fill('malformed'));
    const deadLettered = harness.transport.keptDeadLetters();
    expect(deadLettered.slice(0, 3).map(({ body }) => body)).to.deep.equal(bodies);
    expect(deadLettered[3]?.messageId).to.equal(undefined);
    expect(harness.told.filter((word) => word === 'deadLettered malformed')).to.have.length(4);
    expect(await harness.nothingLeft(), 'everything was acknowledged').to.equal(true);
  });

  it('does not block a batch of only such commands, also as a suspect', async () => {
    harness = await WorkerHarness.open();
    harness.source.deliveryCountOf = () => 7;
    harness.publish(
      ...range(1, 3).map(() => send('alice', GROUP, '', {}, { properties: { body: Buffer.from('no') } })),
    );
    await harness.until('they are dead-lettered', () => harness.reasonsBuried().length === 3);
    expect(await harness.nothingLeft()).to.equal(true);
  });
});

describe("A command for another partition's chat", () => {
  const partitions = 3;
  /** Where the transport has it come in. */
  const partitionOfGroup = partitionOf(GROUP, partitions);
  const home = (partitionOfGroup + 1) % partitions;

  it('is forwarded once and takes effect there, in order, with a counter and a warning', async () => {
    harness = await WorkerHarness.open({ partitions });
    await harness.given(create('alice', GROUP, []), ...texts(GROUP, 'before'));
    moveAway(GROUP, home);
    const away = new Error('the broker did not take it');
    harness.source.forwardFailures.push(away, away);
    harness.publish(...texts(GROUP, 'one', 'two', 'three'));
    await harness.until('they are answered', () => harness.receipts.length === 5);
    expect(harness.bodies(GROUP)).to.deep.equal(['before', 'one', 'two', 'three']);
    expect(harness.source.forwarded).to.deep.equal(['one', 'two', 'three'].map((messageId) => ({ messageId, home })));
    expect(harness.reasonsBuried()).to.deep.equal([]);
    expect(harness.told.filter((word) => word === 'sent home')).to.have.length(3);
    const warnings = harness.log.lines.filter((line) =>
      line.includes('misrouted commands forwarded to their partition'),
    );
    expect(warnings, 'one for many').to.have.length(1);
    expect(await harness.nothingLeft(), 'everything was acknowledged').to.equal(true);
  });

  it('is not acknowledged before the queue of its partition has it', async () => {
    harness = await WorkerHarness.open({ partitions });
    await harness.given(create('alice', GROUP, []));
    moveAway(GROUP, home);
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const forward = harness.source.forward.bind(harness.source);
    let tries = 0;
    harness.source.forward = async (...args) => {
      tries += 1;
      await held;
      await forward(...args);
    };
    harness.publish(...texts(GROUP, 'one'));
    await harness.until('it is on its way home', () => tries === 1);
    expect(harness.receipts).to.have.length(1);
    await harness.source.lose();
    release();
    await harness.until(
      'it comes again',
      () => harness.source.forwarded.length >= 1 && harness.bodies(GROUP).length === 1,
    );
    expect(harness.bodies(GROUP)).to.deep.equal(['one']);
  });

  it('is dead-lettered if it was forwarded and its chat still belongs to another partition', async () => {
    harness = await WorkerHarness.open({ partitions });
    await harness.given(create('alice', GROUP, []));
    moveAway(GROUP, home);
    // It moves on before it gets there.
    const forward = harness.source.forward.bind(harness.source);
    harness.source.forward = async (delivery) => {
      moveAway(GROUP, partitionOfGroup);
      await forward(delivery, home);
    };
    harness.publish(...texts(GROUP, 'lost'));
    await harness.until('it is dead-lettered', () => harness.reasonsBuried().length === 1);
    expect(harness.transport.keptDeadLetters()[0]?.headers).to.include({
      'x-parley-reason': 'misrouted',
      'x-parley-detail': `belongs to partition ${partitionOfGroup}, and came to a wrong one twice`,
    });
    expect(harness.source.forwarded).to.have.length(1);
  });

  it('is dead-lettered if its properties cannot be encoded again', async () => {
    harness = await WorkerHarness.open({ partitions });
    await harness.given(create('alice', GROUP, []));
    moveAway(GROUP, home);
    harness.source.forwardFailures.push(new TypeError('a header of no known type'));
    harness.publish(...texts(GROUP, 'unwritable', 'writable'));
    await harness.until('both are out of the way', () => harness.bodies(GROUP).length === 1);
    expect(harness.transport.keptDeadLetters().map(({ messageId }) => messageId)).to.deep.equal(['unwritable']);
  });

  it('is dead-lettered as misrouted if that partition does not exist, without effect or receipt, and its neighbours continue', async () => {
    harness = await WorkerHarness.open();
    await harness.given(create('alice', GROUP, []), create('alice', OTHER_GROUP, []));
    moveAway(OTHER_GROUP);
    const [one, two] = texts(GROUP, 'one', 'two');
    const [stray] = texts(OTHER_GROUP, 'stray');
    if (one === undefined || two === undefined || stray === undefined) throw new Error('three were asked for');
    harness.publish(one, stray, two);
    await harness.until('the neighbours are answered', () => harness.receipts.length === 4);
    const [deadLettered] = harness.transport.keptDeadLetters();
    expect(deadLettered?.headers).to.include({
      'x-parley-reason': 'misrouted',
      'x-parley-detail': 'belongs to partition 5, which does not exist',
    });
    expect(harness.bodies(OTHER_GROUP)).to.deep.equal([]);
    expect(harness.world.receipts.has('default alice stray')).to.equal(false);
    expect(harness.sequences(GROUP)).to.deep.equal([1, 2, 3]);
  });

  it('is rerouted while the routing is in disorder, and forwarded afterwards', async () => {
    harness = await WorkerHarness.open();
    await harness.given(create('alice', GROUP, []));
    moveAway(GROUP);
    harness.source.isInDisorder = true;
    const away = new Error('the broker did not take it');
    harness.source.rerouteFailures.push(away, away);
    harness.publish(...texts(GROUP, 'one', 'two'), create('alice', OTHER_GROUP, []));
    await harness.until('all are rerouted', () => harness.source.rerouted.length === 3);
    harness.source.isInDisorder = false;
    harness.publish(...texts(GROUP, 'three'));
    await harness.until('the last one is dead-lettered', () => harness.reasonsBuried().length === 1);

    // A chat that is not known here may be another partition's as well, so it is rerouted too.
    expect(harness.source.rerouted.map(({ incoming }) => incoming.messageId).slice(0, 2)).to.deep.equal(['one', 'two']);
    expect(harness.source.rerouted).to.have.length(3);
    expect(harness.world.chats.has(OTHER_GROUP)).to.equal(false);
    expect(harness.transport.keptDeadLetters()[0]?.messageId).to.equal('three');
    expect(harness.told.filter((word) => word === 'rerouted')).to.have.length(3);
    await harness.given(create('alice', OTHER_GROUP, []));
    expect(await harness.nothingLeft()).to.equal(true);
  });

  it('is dead-lettered if its headers cannot be encoded again', async () => {
    harness = await WorkerHarness.open();
    await harness.given(create('alice', GROUP, []));
    moveAway(GROUP);
    harness.source.isInDisorder = true;
    harness.source.rerouteFailures.push(new TypeError('a header of no known type'));
    harness.publish(...texts(GROUP, 'unwritable', 'writable'));
    await harness.until('both are out of the way', () => harness.source.rerouted.length === 1);
    expect(harness.transport.keptDeadLetters().map(({ messageId }) => messageId)).to.deep.equal(['unwritable']);
    expect(harness.reasonsBuried()).to.deep.equal(['misrouted']);
  });
});

describe('A receipt', () => {
  const once = create('alice', GROUP, [], {}, { commandId: 'once' });
  const text = send('alice', GROUP, 'text', {}, { commandId: 'text' });

  async function laterWorker(clockAheadMs: number): Promise<void> {
    harness = await WorkerHarness.open();
    await harness.given(once, text);
    const { world } = harness;
    await harness.close();
    harness = await WorkerHarness.open({ world, clockAheadMs });
  }

  it('answers the same command until its retention is over', async () => {
    await laterWorker(RETENTION_MS / 2);
    const [again] = await harness.answers(text);
    expect(again).to.include({ replayed: true, sequence: 2 });
    expect(harness.sequences(GROUP)).to.deep.equal([1, 2]);
  });

  it('is deleted after its retention; the same id is then a new command', async () => {
    await laterWorker(RETENTION_MS + 1_000);
    await harness.until('it is pruned', () => harness.world.receipts.size === 0);
    const [again] = await harness.answers(text);
    expect(again).to.include({ replayed: false, status: 'accepted', sequence: 3 });
  });
});

describe('A decision', () => {
  it('is kept for its own retention, which may be longer than that of receipts', async () => {
    harness = await WorkerHarness.open();
    const { world } = harness;
    await harness.given(create('alice', GROUP, []), add('alice', GROUP, ['rita'], 'reader'));
    const [refused] = await harness.answers(send('rita', GROUP));
    expect([...world.decisions.keys()]).to.deep.equal([refused?.decisionId]);
    await harness.close();
    harness = await WorkerHarness.open({ world, clockAheadMs: DECISION_RETENTION_MS / 2 });
    await harness.until('the receipts are pruned', () => world.receipts.size === 0);
    expect(world.decisions.size).to.equal(1);
    await harness.close();
    harness = await WorkerHarness.open({ world, clockAheadMs: DECISION_RETENTION_MS + 1_000 });
    await harness.until('it is pruned', () => world.decisions.size === 0);
    expect(harness.log.lines.join('')).to.include('decisions pruned');
  });
});
