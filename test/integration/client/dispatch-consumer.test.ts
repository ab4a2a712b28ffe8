import { type Channel, type ChannelModel, connect } from 'amqplib';
import { expect } from 'chai';
import { type ConsumerOptions, DispatchConsumer, type Gap, RememberedSequences } from '../../../src/client/public.js';
import type { CloudEvent } from '../../../src/contract/public.js';
import { freePort } from '../../../src/infrastructure/free-port.js';
import { Wire } from '../../support/broker/wire.js';
import { eventually } from '../../support/eventually.js';
import { rabbitmq, uniqueNamespace } from '../../support/services/services.js';

const within = 20_000;
const CHATS = ['a', 'b', 'c'];
const EVENTS = 300;

describe('The dispatch consumer', function () {
  this.timeout(60_000);
  let wire: Wire;
  let connection: ChannelModel;
  let channel: Channel;
  let queue = '';
  const running: DispatchConsumer[] = [];

  before(async () => {
    wire = new Wire(await freePort(), (await rabbitmq()).url);
    await wire.join();
    connection = await connect((await rabbitmq()).url);
    channel = await connection.createChannel();
  });

  beforeEach(async () => {
    queue = `${uniqueNamespace()}.dispatch`;
    await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  });

  afterEach(async () => {
    await Promise.all(running.splice(0).map((consumer) => consumer.stop()));
    await channel.deleteQueue(queue);
  });

  after(async () => {
    await connection?.close();
    await wire?.cut();
  });

  function event(chat: string, sequence: number | null, type = 'message.created'): CloudEvent {
    const id = sequence === null ? `p0/${chat}` : `${chat}/${sequence}`;
    const numbered = sequence === null ? {} : { sequence: String(sequence) };
    return {
      ...{ specversion: '1.0', id, source: '/parley/store/default', type, subject: `chats/${chat}` },
      ...{ time: '2026-11-20T20:15:00.123Z', datacontenttype: 'application/json', partitionkey: chat },
      ...numbered,
      data: { chatId: chat, sequence },
    } as unknown as CloudEvent;
  }

  function publish(...events: (CloudEvent | string)[]): void {
    for (const given of events)
      channel.sendToQueue(queue, Buffer.from(typeof given === 'string' ? given : JSON.stringify(given)));
  }

  /** A consumer and its deliveries. */
  function start(options: Partial<ConsumerOptions> = {}) {
    const handled: string[] = [];
    const gaps: Gap[] = [];
    const states: string[] = [];
    const failures: string[] = [];
    const skipped: string[] = [];
    const consumer = DispatchConsumer.start({
      url: wire.url,
      queue,
      handle: ({ id }) => void handled.push(id),
      onGap: (gap) => void gaps.push(gap),
      onState: (state) => states.push(state),
      onFailure: (error, { id }, attempt) => failures.push(`${id} ${attempt} ${(error as Error).message}`),
      onSkipped: (_body, why) => skipped.push(why),
      ...options,
    });
    running.push(consumer);
    return { consumer, handled, gaps, states, failures, skipped };
  }

  const ready = async (): Promise<number> => (await channel.checkQueue(queue)).messageCount;
  const emptied = () => eventually(async () => (await ready()) === 0, { within, what: 'an empty queue' });

  it('passes each event to the handler once, in the order of its chat, and acknowledges it', async () => {
    publish(event('a', 1), event('b', 1), event('a', 2), event('a', 1), event('a', 2), event('a', 3), event('b', 1));
    const { consumer, handled, gaps } = start();
    await eventually(() => consumer.counters.repeats === 3, { within, what: 'the repeats' });
    expect(handled).to.have.members(['a/1', 'a/2', 'a/3', 'b/1']);
    expect(handled.filter((id) => id.startsWith('a'))).to.deep.equal(['a/1', 'a/2', 'a/3']);
    expect(gaps).to.deep.equal([]);
    await consumer.stop();
    await emptied();
    expect(consumer.counters).to.deep.equal({ handled: 4, repeats: 3, gaps: 0, skipped: 0 });
  });

  it('reports a gap before the following event, and waits for the gap handler', async () => {
    const told: string[] = [];
    const { consumer } = start({
      handle: ({ id }) => void told.push(id),
      onGap: async (gap) => {
        await new Promise((resolve) => setImmediate(resolve));
        told.push(`gap ${gap.last}-${gap.sequence}`);
      },
    });
    publish(event('a', 4), event('a', 5), event('a', 9), event('a', 10), event('a', 7));
    await eventually(() => consumer.counters.repeats === 1, { within, what: 'the last one' });
    expect(told).to.deep.equal(['a/4', 'a/5', 'gap 5-9', 'a/9', 'a/10']);
    expect(consumer.counters.gaps).to.equal(1);
  });

  it('blocks only the chat whose handler fails, until it succeeds', async () => {
    let broken = true;
    const handled: string[] = [];
    const { consumer, failures } = start({
      handle: ({ id }) => {
        if (id === 'a/1' && broken) throw new Error('not now');
        handled.push(id);
      },
    });
    publish(event('a', 1), event('a', 2), event('b', 1));
    await eventually(() => failures.length >= 2, { within, what: 'two failures' });
    expect(handled).to.deep.equal(['b/1']);
    expect(failures.slice(0, 2)).to.deep.equal(['a/1 1 not now', 'a/1 2 not now']);
    broken = false;
    await eventually(() => consumer.counters.handled === 3, { within, what: 'all of them' });
    expect(handled).to.deep.equal(['b/1', 'a/1', 'a/2']);
  });

  it('continues after a lost connection, without missing or repeating events', async () => {
    const { consumer, handled, gaps, states } = start({ prefetch: 20 });
    await eventually(() => states.includes('consuming'), { within, what: 'consuming' });
    for (let sequence = 1; sequence <= EVENTS; sequence += 1) publish(...CHATS.map((chat) => event(chat, sequence)));
    for (const share of [0.2, 0.5]) {
      await eventually(() => handled.length > share * EVENTS, { within, what: `${share} of them` });
      await wire.cut();
      await wire.join();
    }
    await eventually(() => handled.length >= CHATS.length * EVENTS, { within, what: 'all of them' });
    for (const chat of CHATS)
      expect(handled.filter((id) => id.startsWith(`${chat}/`))).to.deep.equal(
        Array.from({ length: EVENTS }, (_, index) => `${chat}/${index + 1}`),
      );
    expect(gaps).to.deep.equal([]);
    expect(states).to.include('away');
    await consumer.stop();
    await emptied();
  });

  it('waits while another consumer is active, and takes over when it ends', async () => {
    const first = start();
    await eventually(() => first.states.includes('consuming'), { within, what: 'the first consumes' });
    const second = start();
    await eventually(() => second.states.includes('waiting'), { within, what: 'the second waits' });
    publish(event('a', 1));
    await eventually(() => first.handled.length === 1, { within, what: 'the first event' });
    await first.consumer.stop();
    publish(event('a', 2));
    await eventually(() => second.handled.length === 1, { within, what: 'the second event' });
    expect([first.handled, second.handled]).to.deep.equal([['a/1'], ['a/2']]);
  });

  it('lets only one consumer handle events if two start together', async () => {
    publish(event('a', 1));
    const both = [start(), start()];
    await eventually(() => both.some(({ handled }) => handled.length > 0), { within, what: 'the event' });
    publish(event('a', 2), event('a', 3));
    await eventually(() => both.flatMap(({ handled }) => handled).length >= 3, { within, what: 'all of them' });
    expect(both.filter(({ handled }) => handled.length > 0)).to.have.length(1);
    expect(both.flatMap(({ gaps }) => gaps)).to.deep.equal([]);
  });

  it('waits in line at a queue with a single active consumer', async () => {
    const name = `${queue}.single`;
    const args = { 'x-queue-type': 'quorum', 'x-single-active-consumer': true };
    await channel.assertQueue(name, { durable: true, arguments: args });
    const both = [start({ queue: name, singleActive: true }), start({ queue: name, singleActive: true })];
    for (const { states } of both)
      await eventually(() => states.includes('consuming'), { within, what: 'both stand in line' });
    channel.sendToQueue(name, Buffer.from(JSON.stringify(event('a', 1))));
    const [active, standby] = await eventually(
      () => {
        const [one, other] = both;
        if (one === undefined || other === undefined) return undefined;
        if (one.handled.length > 0) return [one, other] as const;
        return other.handled.length > 0 ? ([other, one] as const) : undefined;
      },
      { within, what: 'the event' },
    );
    await active.consumer.stop();
    channel.sendToQueue(name, Buffer.from(JSON.stringify(event('a', 2))));
    await eventually(() => standby.handled.length === 1, { within, what: 'the next event' });
    await standby.consumer.stop();
    await channel.deleteQueue(name);
  });

  it('skips invalid messages, and records the sequence of an unknown event type', async () => {
    const { consumer, handled, gaps, skipped } = start();
    const numberless = { ...event('a', 1), sequence: 'one' };
    publish('not json', '[]', '{"specversion":"1.0"}', JSON.stringify(numberless));
    publish(event('a', 1), event('a', 2, 'message.pinned'), event('a', 3));
    publish(event('read', null, 'chat.read'));
    await eventually(() => handled.length === 3, { within, what: 'all of them' });
    expect(handled).to.have.members(['a/1', 'a/3', 'p0/read']);
    expect(gaps).to.deep.equal([]);
    expect(skipped).to.deep.equal([
      'not JSON in UTF-8',
      'not a JSON object',
      'id is missing',
      'sequence is not a number',
      'the type message.pinned is not known here',
    ]);
    await consumer.stop();
    await emptied();
  });

  it('requeues unhandled events when stopped', async () => {
    let release = () => {};
    const { consumer, handled } = start({
      handle: async ({ id }) => {
        handled.push(id);
        await new Promise<void>((resolve) => {
          release = resolve;
        });
      },
    });
    publish(event('a', 1), event('a', 2));
    await eventually(() => handled.length === 1, { within, what: 'the first event in hand' });
    const stopped = consumer.stop();
    release();
    await stopped;
    expect(handled).to.deep.equal(['a/1']);
    const next = start();
    await eventually(() => next.handled.length > 0, { within, what: 'the second event' });
    expect(next.handled).to.deep.equal(['a/2']);
  });

  it('stores last sequences across restarts if configured', async () => {
    const kept = new Map<string, number>();
    const sequences = {
      get: async (chat: string) => kept.get(chat),
      set: async (chat: string, n: number) => void kept.set(chat, n),
    };
    const first = start({ sequences });
    publish(event('a', 7));
    await eventually(() => kept.size === 1, { within, what: 'the sequence' });
    await first.consumer.stop();
    const second = start({ sequences });
    publish(event('a', 7), event('a', 9));
    await eventually(() => second.handled.length === 1, { within, what: 'the next event' });
    expect(second.handled).to.deep.equal(['a/9']);
    expect(second.gaps).to.deep.equal([{ source: '/parley/store/default', partitionkey: 'a', last: 7, sequence: 9 }]);
  });

  it('waits for a queue that does not exist yet', async () => {
    const name = `${queue}.later`;
    const { handled, states } = start({ queue: name });
    await eventually(() => states.includes('away'), { within, what: 'a first attempt' });
    await channel.assertQueue(name, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    channel.sendToQueue(name, Buffer.from(JSON.stringify(event('a', 1))));
    await eventually(() => handled.length === 1, { within, what: 'the event' });
    await Promise.all(running.splice(0).map((consumer) => consumer.stop()));
    await channel.deleteQueue(name);
  });
});

describe('Stored last sequences', () => {
  it('are bounded, for the chats with the latest events', () => {
    const sequences = new RememberedSequences(2);
    sequences.set('a', 1);
    sequences.set('b', 1);
    sequences.set('a', 2);
    sequences.set('c', 1);
    expect([sequences.get('a'), sequences.get('b'), sequences.get('c'), sequences.size]).to.deep.equal([
      2,
      undefined,
      1,
      2,
    ]);
  });
});
