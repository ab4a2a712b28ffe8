import { createServer, connect as dial } from 'node:net';
import { expect } from 'chai';
import {
  AmqpConnection,
  HEARTBEAT_S,
  RECONNECT_FIRST_MS,
  RECONNECT_LONGEST_MS,
  reconnectPauseMs,
} from '../../../src/infrastructure/amqp/amqp-connection.js';
import { ConnectionAway, LoginRefused } from '../../../src/infrastructure/amqp/amqp-failure.js';
import { freePort } from '../../../src/infrastructure/free-port.js';
import { Wire } from '../../support/broker/wire.js';
import { collectedLog } from '../../support/collected-log.js';
import { eventually } from '../../support/eventually.js';
import { rabbitmq, setBrokerUser } from '../../support/services/services.js';

const within = 15_000;
/** Makes the pause longer than any test. */
const ENDLESS = 1_000;

/** connection.open-ok: class 10, method 41. */
const OPEN_OK = Buffer.from([0, 10, 0, 41]);
/** connection.close on channel 0 with 320, as from a broker that is being stopped. */
const CLOSE = Buffer.from([1, 0, 0, 0, 0, 0, 16, 0, 10, 0, 50, 1, 64, 5, ...Buffer.from('bye..'), 0, 0, 0, 0, 206]);

/** A wire to the broker that takes one connection, and lets the broker close it in the very bytes that open it. */
async function closeAsItOpens(port: number, target: string): Promise<{ done: Promise<void> }> {
  let close: () => void = () => undefined;
  const done = new Promise<void>((resolve) => {
    close = resolve;
  });
  const server = createServer((near) => {
    const { port: farPort, hostname } = new URL(target);
    const far = dial(Number(farPort), hostname);
    near.pipe(far);
    far.on('data', (chunk) => {
      if (!chunk.includes(OPEN_OK)) return void near.write(chunk);
      near.unpipe(far).resume();
      near.write(Buffer.concat([chunk, CLOSE]));
      far.destroy();
    });
    for (const socket of [near, far]) socket.on('error', () => undefined);
    near.on('close', () => server.close(() => close()));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return { done };
}

describe('a connection to the broker', () => {
  let wire: Wire;
  let running: AmqpConnection[] = [];

  beforeEach(async () => {
    wire = new Wire(await freePort(), (await rabbitmq()).url);
  });
  afterEach(async () => {
    await Promise.all(running.map((connection) => connection.stop()));
    running = [];
    await wire.cut();
  });

  const make = async (query = '', random = Math.random) => {
    const url = new URL(wire.url);
    url.search = query;
    const log = collectedLog();
    const connection = new AmqpConnection({ url: url.href, name: 'test', logger: log.logger, random });
    running.push(connection);
    const opened: unknown[] = [];
    const lost: Error[] = [];
    connection.onOpen((model) => opened.push(model));
    connection.onLost((cause) => lost.push(cause));
    return { connection, log, opened, lost };
  };

  it('is retried until there is a broker, and logs once that there is none', async () => {
    const { connection, log, opened } = await make();
    expect(() => connection.current()).to.throw(ConnectionAway);
    expect(connection.obstacle).to.equal(null);
    const started = connection.start();
    expect(connection.state).to.equal('connecting');
    const failed = () => log.lines.filter((line) => line.includes('ECONNREFUSED'));
    await eventually(() => failed().length >= 3, { within, what: 'failed attempts' });
    expect(failed().filter((line) => line.includes('"level":"warn"'))).to.have.length(1);
    expect(connection.obstacle).to.include('ECONNREFUSED');
    await wire.join();
    await started;
    expect(connection.state).to.equal('open');
    expect(opened).to.deep.equal([connection.current()]);
    expect(connection.obstacle).to.equal(null);
    const channel = await connection.current().createChannel();
    await channel.close();
  });

  it('reconnects after it was cut, and logs that once each time', async () => {
    const { connection, opened, lost } = await make();
    await wire.join();
    await connection.start();
    const first = connection.current();
    await wire.cut();
    await eventually(() => lost.length === 1, { within, what: 'the loss' });
    expect(() => connection.current()).to.throw(ConnectionAway);
    await wire.join();
    await eventually(() => opened.length === 2, { within, what: 'the return' });
    expect(connection.current()).not.to.equal(first);
    expect(connection.current()).to.equal(opened[1]);
    expect(lost).to.have.length(1);
  });

  it('is retried at once when another connection has reached the broker, without the rest of the pause', async () => {
    const { connection, log } = await make('', () => ENDLESS);
    const started = connection.start();
    await eventually(() => log.lines.some((line) => line.includes('ECONNREFUSED')), { within, what: 'an attempt' });
    await wire.join();
    connection.tryNow();
    await started;
    expect(connection.state).to.equal('open');
  });

  it('that was lost soon keeps its pause, even if another connection has reached the broker', async () => {
    const { connection, opened, lost } = await make('', () => ENDLESS);
    await wire.join();
    await connection.start();
    await wire.cut();
    await eventually(() => lost.length === 1, { within, what: 'the loss' });
    await wire.join();
    connection.tryNow();
    // An attempt that had begun before these, one after the other, would be through by then.
    for (let others = 0; others < 3; others += 1) await (await make()).connection.start();
    expect(opened).to.have.length(1);
    expect(connection.state).to.equal('connecting');
  });

  it('that goes silent is detected by its heartbeat and reopened', async () => {
    const { connection, opened, lost } = await make('heartbeat=1');
    await wire.join();
    await connection.start();
    wire.freeze();
    await eventually(() => opened.length === 2, { within, what: 'the return' });
    // Whichever side misses the beats first ends it; either way once.
    expect(lost).to.have.length(1);
    expect(lost[0]?.message).to.match(/^(Heartbeat timeout|Unexpected close)$/);
  });

  it('that the broker closes immediately is retried', async () => {
    const { connection, opened } = await make();
    // A listener that is added after the open event has missed the close.
    const closing = await closeAsItOpens(wire.port, (await rabbitmq()).url);
    void connection.start();
    await closing.done;
    await wire.join();
    await eventually(() => connection.state === 'open', { within, what: 'the connection that holds' });
    expect(opened).to.deep.equal([connection.current()]);
    const channel = await connection.current().createChannel();
    await channel.close();
  });

  it('has a heartbeat of 7 s by default', async () => {
    const { connection } = await make();
    await wire.join();
    await connection.start();
    // What both sides agreed on is not part of the library's published types.
    const { heartbeat } = connection.current().connection as unknown as { heartbeat: number };
    expect(heartbeat).to.equal(HEARTBEAT_S);
    expect(HEARTBEAT_S).to.equal(7);
  });

  it('that is stopped stays closed, also during a retry', async () => {
    const one = await make();
    const started = one.connection.start().catch((error: Error) => error.name);
    await one.connection.stop();
    expect(await started).to.equal('ConnectionAway');
    await wire.join();
    const two = await make();
    await two.connection.start();
    await two.connection.stop();
    await two.connection.stop();
    expect(two.connection.state).to.equal('stopped');
    expect(two.lost).to.have.length(1);
    expect(two.opened).to.have.length(1);
    expect(one.opened).to.have.length(0);
  });

  it('continues if one of its listeners fails', async () => {
    const { connection, log, opened } = await make();
    connection.onOpen(() => {
      throw new Error('broken listener');
    });
    await wire.join();
    await connection.start();
    expect(opened).to.have.length(1);
    expect(log.lines.join()).to.contain('broken listener');
  });

  it('never logs its password', async () => {
    await wire.join();
    const log = collectedLog();
    const secret = 'pa55-word';
    const url = `amqp://guest:${secret}@127.0.0.1:${wire.port}/`;
    const connection = new AmqpConnection({ url, name: 'test', logger: log.logger });
    running.push(connection);
    const error = (await connection.start().catch((refusal: Error) => refusal)) as Error;
    expect(error).to.be.instanceOf(LoginRefused).with.property('message').that.includes('ACCESS_REFUSED');
    expect(`${log.lines.join()} ${error.stack} ${error.cause} ${JSON.stringify(connection)}`).not.to.contain(secret);
    for (const bad of [`amqp://guest:${secret}@ho st/`, `http://guest:${secret}@host/`]) {
      let thrown: unknown;
      try {
        new AmqpConnection({ url: bad, name: 'test', logger: log.logger });
      } catch (fault) {
        thrown = fault;
      }
      expect(thrown).to.be.instanceOf(Error);
      expect(`${(thrown as Error).stack} ${JSON.stringify(thrown)}`).not.to.contain(secret);
    }
  });

  it('whose login is refused fails the start, and is retried in a running process', async function () {
    if ((await rabbitmq()).node === undefined) this.skip(); // users can be made only at a node of our own
    const [name, password] = ['late-user', 'late-word'];
    const url = new URL(wire.url);
    [url.username, url.password] = [name, password];
    const begin = () => {
      const log = collectedLog();
      const connection = new AmqpConnection({ url: url.href, name: 'test', logger: log.logger });
      running.push(connection);
      return { connection, log };
    };
    await wire.join();
    const first = begin();
    expect(await first.connection.start().catch((error: Error) => error.name)).to.equal('LoginRefused');
    expect(first.connection.state).to.equal('stopped');

    await setBrokerUser(name, password);
    const { connection, log } = begin();
    await connection.start();
    await setBrokerUser(name, null);
    await wire.cut();
    await wire.join();
    await eventually(() => connection.obstacle?.includes('ACCESS_REFUSED'), { within, what: 'the refusal' });
    expect(log.lines.join()).to.not.include(password);
    await setBrokerUser(name, password);
    await eventually(() => connection.state === 'open', { within, what: 'the return' });
    await setBrokerUser(name, null);
  });

  it('has growing, bounded, random pauses between attempts', () => {
    const longest = Array.from({ length: 12 }, (_, attempt) => reconnectPauseMs(attempt, () => 1));
    expect(longest[0]).to.equal(RECONNECT_FIRST_MS);
    expect(longest[1]).to.equal(2 * RECONNECT_FIRST_MS);
    expect(longest.at(-1)).to.equal(RECONNECT_LONGEST_MS);
    expect(reconnectPauseMs(10_000, () => 1)).to.equal(RECONNECT_LONGEST_MS);
    expect(reconnectPauseMs(5, () => 0)).to.equal(0);
  });
});
