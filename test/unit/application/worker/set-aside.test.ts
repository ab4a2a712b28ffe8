import { expect } from 'chai';
import { MemoryPartitionRegistry } from '../../../../src/adapters/stores/memory/memory-partition-registry.js';
import { MemoryWorld } from '../../../../src/adapters/stores/memory/memory-world.js';
import { partitionOf } from '../../../../src/adapters/transports/in-process/in-process-transport.js';
import { add, create, GROUP, OTHER_GROUP, send } from '../drafts.js';
import { DECISION_RETENTION_MS, Lab, RETENTION_MS, range } from './lab.js';
import { MARKER_TYPE } from './unruly.js';

let lab: Lab;
afterEach(() => lab?.close());

/** From now on the chat belongs to another partition; by default one that does not exist. */
function moveAway(chatId: string, partition = 5): void {
  const chat = lab.world.chats.get(chatId);
  if (chat === undefined) throw new Error(`no chat ${chatId}`);
  lab.world.chats.set(chatId, { ...chat, partition });
}

const marker = () => send('alice', GROUP, '', {}, { properties: { type: MARKER_TYPE } });
const texts = (chatId: string, ...bodies: string[]) =>
  bodies.map((body) => send('alice', chatId, body, {}, { commandId: body }));

describe('A command that cannot be answered', () => {
  it('is dead-lettered as malformed, untouched, and its neighbours go on in order', async () => {
    lab = await Lab.open();
    await lab.given(create('alice', GROUP, []));
    const [one, two, three] = texts(GROUP, 'one', 'two', 'three');
    if (one === undefined || two === undefined || three === undefined) throw new Error('three were asked for');
    const bodies = [Buffer.from('{"actorId":'), Buffer.from([0xff, 0xfe]), Buffer.from('[]')];
    lab.publish(one);
    for (const body of bodies) lab.publish({ ...two, properties: { body } });
    lab.publish(two, { ...two, properties: { messageId: undefined } }, three);
    await lab.until('the neighbours are answered', () => lab.receipts.length === 4);

    expect(lab.bodies(GROUP)).to.deep.equal(['one', 'two', 'three']);
    expect(lab.reasonsBuried()).to.deep.equal(Array(4).fill('malformed'));
    const buried = lab.transport.keptDeadLetters();
    expect(buried.slice(0, 3).map(({ body }) => body)).to.deep.equal(bodies);
    expect(buried[3]?.messageId).to.equal(undefined);
    expect(lab.told.filter((word) => word === 'buried malformed')).to.have.length(4);
    expect(await lab.nothingLeft(), 'everything was acknowledged').to.equal(true);
  });

  it('does not hold up a batch of nothing else, also as a suspect', async () => {
    lab = await Lab.open();
    lab.source.deliveryCountOf = () => 7;
    lab.publish(...range(1, 3).map(() => send('alice', GROUP, '', {}, { properties: { body: Buffer.from('no') } })));
    await lab.until('they are dead-lettered', () => lab.reasonsBuried().length === 3);
    expect(await lab.nothingLeft()).to.equal(true);
  });
});

describe("A command for another partition's chat", () => {
  const partitions = 3;
  /** Where the transport has it come in. */
  const partitionOfGroup = partitionOf(GROUP, partitions);
  const home = (partitionOfGroup + 1) % partitions;

  it('is sent home once and takes effect there, in order, told by a counter and a warning', async () => {
    lab = await Lab.open({ partitions });
    await lab.given(create('alice', GROUP, []), ...texts(GROUP, 'before'));
    moveAway(GROUP, home);
    const away = new Error('the broker did not take it');
    lab.source.sendHomeFailures.push(away, away);
    lab.publish(...texts(GROUP, 'one', 'two', 'three'));
    await lab.until('they are answered', () => lab.receipts.length === 5);
    expect(lab.bodies(GROUP)).to.deep.equal(['before', 'one', 'two', 'three']);
    expect(lab.source.sentHome).to.deep.equal(['one', 'two', 'three'].map((messageId) => ({ messageId, home })));
    expect(lab.reasonsBuried()).to.deep.equal([]);
    expect(lab.told.filter((word) => word === 'sent home')).to.have.length(3);
    const warnings = lab.log.lines.filter((line) => line.includes('misrouted commands sent to their home partition'));
    expect(warnings, 'one for many').to.have.length(1);
    expect(await lab.nothingLeft(), 'everything was acknowledged').to.equal(true);
  });

  it('is not acknowledged before its home queue has it', async () => {
    lab = await Lab.open({ partitions });
    await lab.given(create('alice', GROUP, []));
    moveAway(GROUP, home);
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const sendHome = lab.source.sendHome.bind(lab.source);
    let tries = 0;
    lab.source.sendHome = async (...args) => {
      tries += 1;
      await held;
      await sendHome(...args);
    };
    lab.publish(...texts(GROUP, 'one'));
    await lab.until('it is on its way home', () => tries === 1);
    expect(lab.receipts).to.have.length(1);
    await lab.source.lose();
    release();
    await lab.until('it comes again', () => lab.source.sentHome.length >= 1 && lab.bodies(GROUP).length === 1);
    expect(lab.bodies(GROUP)).to.deep.equal(['one']);
  });

  it('is dead-lettered where it was sent home and its chat lives elsewhere still', async () => {
    lab = await Lab.open({ partitions });
    await lab.given(create('alice', GROUP, []));
    moveAway(GROUP, home);
    // It moves on before it gets there.
    const sendHome = lab.source.sendHome.bind(lab.source);
    lab.source.sendHome = async (delivery) => {
      moveAway(GROUP, partitionOfGroup);
      await sendHome(delivery, home);
    };
    lab.publish(...texts(GROUP, 'lost'));
    await lab.until('it is dead-lettered', () => lab.reasonsBuried().length === 1);
    expect(lab.transport.keptDeadLetters()[0]?.headers).to.include({
      'x-parley-reason': 'misrouted',
      'x-parley-detail': `belongs to partition ${partitionOfGroup}, and came to a wrong one twice`,
    });
    expect(lab.source.sentHome).to.have.length(1);
  });

  it('is dead-lettered where it cannot be written to the wire again', async () => {
    lab = await Lab.open({ partitions });
    await lab.given(create('alice', GROUP, []));
    moveAway(GROUP, home);
    lab.source.sendHomeFailures.push(new TypeError('a header of no known type'));
    lab.publish(...texts(GROUP, 'unwritable', 'writable'));
    await lab.until('both are out of the way', () => lab.bodies(GROUP).length === 1);
    expect(lab.transport.keptDeadLetters().map(({ messageId }) => messageId)).to.deep.equal(['unwritable']);
  });

  it('is dead-lettered as misrouted where that partition does not exist, has no effect and no receipt, and its neighbours go on', async () => {
    lab = await Lab.open();
    await lab.given(create('alice', GROUP, []), create('alice', OTHER_GROUP, []));
    moveAway(OTHER_GROUP);
    const [one, two] = texts(GROUP, 'one', 'two');
    const [stray] = texts(OTHER_GROUP, 'stray');
    if (one === undefined || two === undefined || stray === undefined) throw new Error('three were asked for');
    lab.publish(one, stray, two);
    await lab.until('the neighbours are answered', () => lab.receipts.length === 4);
    const [buried] = lab.transport.keptDeadLetters();
    expect(buried?.headers).to.include({
      'x-parley-reason': 'misrouted',
      'x-parley-detail': 'belongs to partition 5, which does not exist',
    });
    expect(lab.bodies(OTHER_GROUP)).to.deep.equal([]);
    expect(lab.world.receipts.has('default alice stray')).to.equal(false);
    expect(lab.sequences(GROUP)).to.deep.equal([1, 2, 3]);
  });

  it('is sent on while a ring repair has not passed through the queue, and dead-lettered after its marker', async () => {
    lab = await Lab.open();
    await lab.given(create('alice', GROUP, []));
    moveAway(GROUP);
    await lab.registry.repairRing(
      async () => true,
      async () => undefined,
    );
    const away = new Error('the broker did not take it');
    lab.source.rerouteFailures.push(away, away);
    lab.publish(...texts(GROUP, 'one', 'two'), create('alice', OTHER_GROUP, []), marker(), ...texts(GROUP, 'three'));
    await lab.until('the last one is dead-lettered', () => lab.reasonsBuried().length === 1);

    // A chat that is not known here may be another partition's as well, so it is sent on too.
    expect(lab.source.rerouted.map(({ incoming }) => incoming.messageId).slice(0, 2)).to.deep.equal(['one', 'two']);
    expect(lab.source.rerouted).to.have.length(3);
    expect(lab.world.chats.has(OTHER_GROUP)).to.equal(false);
    expect(lab.transport.keptDeadLetters()[0]?.messageId).to.equal('three');
    expect(lab.world.partitions.get(0)?.ringSeen).to.equal(1);
    expect(lab.told.filter((word) => word === 'rerouted')).to.have.length(3);
    await lab.given(create('alice', OTHER_GROUP, []));
    expect(await lab.nothingLeft()).to.equal(true);
  });

  it('is dead-lettered at once where it cannot be written to the wire again', async () => {
    lab = await Lab.open();
    await lab.given(create('alice', GROUP, []));
    moveAway(GROUP);
    await lab.registry.repairRing(
      async () => true,
      async () => undefined,
    );
    lab.source.rerouteFailures.push(new TypeError('a header of no known type'));
    lab.publish(...texts(GROUP, 'unwritable', 'writable'));
    await lab.until('both are out of the way', () => lab.source.rerouted.length === 1);
    expect(lab.transport.keptDeadLetters().map(({ messageId }) => messageId)).to.deep.equal(['unwritable']);
    expect(lab.reasonsBuried()).to.deep.equal(['misrouted']);
  });

  it('is still sent on by the next owner, who has not met the marker either', async () => {
    const world = new MemoryWorld();
    await new MemoryPartitionRegistry(world).repairRing(
      async () => true,
      async () => undefined,
    );
    lab = await Lab.open({ world });
    lab.publish(create('alice', GROUP, []));
    await lab.until('it is sent on', () => lab.source.rerouted.length === 1);
    lab.publish(marker());
    await lab.given(create('alice', GROUP, []));
  });
});

describe('A receipt', () => {
  const once = create('alice', GROUP, [], {}, { commandId: 'once' });
  const text = send('alice', GROUP, 'text', {}, { commandId: 'text' });

  async function laterWorker(clockAheadMs: number): Promise<void> {
    lab = await Lab.open();
    await lab.given(once, text);
    const { world } = lab;
    await lab.close();
    lab = await Lab.open({ world, clockAheadMs });
  }

  it('answers the same command until its retention is over', async () => {
    await laterWorker(RETENTION_MS / 2);
    const [again] = await lab.answers(text);
    expect(again).to.include({ replayed: true, sequence: 2 });
    expect(lab.sequences(GROUP)).to.deep.equal([1, 2]);
  });

  it('is gone after its retention: the same id is then a new command', async () => {
    await laterWorker(RETENTION_MS + 1_000);
    await lab.until('it is pruned', () => lab.world.receipts.size === 0);
    const [again] = await lab.answers(text);
    expect(again).to.include({ replayed: false, status: 'accepted', sequence: 3 });
  });
});

describe('A decision', () => {
  it('is kept until its retention is over, longer than receipts where it says so', async () => {
    lab = await Lab.open();
    const { world } = lab;
    await lab.given(create('alice', GROUP, []), add('alice', GROUP, ['rita'], 'reader'));
    const [refused] = await lab.answers(send('rita', GROUP));
    expect([...world.decisions.keys()]).to.deep.equal([refused?.decisionId]);
    await lab.close();
    lab = await Lab.open({ world, clockAheadMs: DECISION_RETENTION_MS / 2 });
    await lab.until('the receipts are pruned', () => world.receipts.size === 0);
    expect(world.decisions.size).to.equal(1);
    await lab.close();
    lab = await Lab.open({ world, clockAheadMs: DECISION_RETENTION_MS + 1_000 });
    await lab.until('it is pruned', () => world.decisions.size === 0);
    expect(lab.log.lines.join('')).to.include('decisions pruned');
  });
});
