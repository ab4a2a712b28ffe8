import { chmodSync, readFileSync, realpathSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import amqp from 'amqplib';
import { expect } from 'chai';
import {
  findRabbitmq,
  type RabbitmqNode,
  startRabbitmq,
} from '../../../../src/infrastructure/embedded/rabbitmq-node.js';
import { isListening } from '../../../../src/infrastructure/free-port.js';
import { identify, isRunning, type ProcessIdentity } from '../../../../src/infrastructure/process/process-identity.js';
import { scratchFolder } from '../../../support/services/services.js';
import { LOOPBACK, listenersOf } from './listeners.js';
import { startOwner } from './owner.js';

interface NodeProcesses {
  node: ProcessIdentity;
  epmd: ProcessIdentity;
}

function processesOf(folder: string): NodeProcesses {
  return JSON.parse(readFileSync(join(folder, 'processes.json'), 'utf8')) as NodeProcesses;
}

async function withChannel<T>(url: string, use: (channel: amqp.ConfirmChannel) => Promise<T>): Promise<T> {
  const connection = await amqp.connect(url);
  connection.on('error', () => undefined); // also fails the call under way
  try {
    return await use(await connection.createConfirmChannel());
  } finally {
    await connection.close().catch(() => undefined); // closed by the broker
  }
}

/** Publishes to a durable quorum queue, and returns after the confirm. */
function publish(url: string, text: string): Promise<void> {
  return withChannel(url, async (channel) => {
    await channel.assertQueue('kept', { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    channel.sendToQueue('kept', Buffer.from(text), { persistent: true });
    await channel.waitForConfirms();
  });
}

describe('embedded RabbitMQ', function () {
  this.timeout(120_000);
  const nodes: RabbitmqNode[] = [];
  const start = async (folder: string) => {
    const node = await startRabbitmq({ folder, port: 0 });
    nodes.push(node);
    return node;
  };
  let folder: string;
  let node: RabbitmqNode;

  before(async function () {
    if (!findRabbitmq()) this.skip(); // TEST_AMQP_URL names a broker elsewhere
    folder = scratchFolder('rabbit');
    node = await start(folder);
  });

  after(async () => {
    await Promise.all(nodes.map((each) => each.kill()));
  });

  it('counts as installed only if rabbitmq-server is on the search path', () => {
    expect(findRabbitmq()).to.match(/rabbitmq-server$/);
    expect(findRabbitmq('')).to.equal(undefined);
    const bin = scratchFolder('bin');
    expect(findRabbitmq(bin)).to.equal(undefined);
    writeFileSync(join(bin, 'rabbitmq-server'), '#!/bin/sh\n');
    expect(findRabbitmq(bin), 'not executable').to.equal(undefined);
    chmodSync(join(bin, 'rabbitmq-server'), 0o755);
    expect(findRabbitmq(bin)).to.match(/rabbitmq-server$/);
  });

  it('is the first of two installations on the search path', () => {
    const [sbin, bin] = [scratchFolder('sbin'), scratchFolder('bin')];
    const script = join(sbin, 'rabbitmq-server');
    writeFileSync(script, '#!/bin/sh\n', { mode: 0o755 });
    writeFileSync(join(sbin, 'rabbitmq-env'), '');
    symlinkSync(script, join(bin, 'rabbitmq-server'));
    expect(findRabbitmq(`${sbin}:${process.env.PATH}`)).to.equal(realpathSync(script));
    expect(findRabbitmq(`${bin}:${process.env.PATH}`)).to.equal(realpathSync(script));
  });

  it('has a random password, and refuses RabbitMQ’s default one', async () => {
    const { password } = new URL(node.url);
    expect(password).to.match(/^[\w-]{32}$/);
    const usual = new URL(node.url);
    usual.password = 'guest';
    const refusal = await amqp.connect(usual.href).then(
      (connection) => connection.close(),
      (error: Error) => error.message,
    );
    expect(refusal).to.match(/ACCESS_REFUSED/);
    for (const file of ['node.json', 'rabbitmq.conf'])
      expect(statSync(join(folder, file)).mode & 0o777).to.equal(0o600);
  });

  it('listens on loopback only: AMQP, management, distribution and port mapper', function () {
    if (process.platform !== 'linux') this.skip();
    const { epmd } = processesOf(folder);
    const ports = listenersOf(node.pid).map(({ port }) => port);
    expect(ports).to.have.length(3).and.include.members([node.port, node.managementPort]);
    expect(listenersOf(epmd.pid)).to.not.be.empty;
    for (const address of [...listenersOf(node.pid), ...listenersOf(epmd.pid)])
      expect(LOOPBACK).to.include(address.host);
  });

  it('has the consistent hashing plugin', async () => {
    const { exchange } = await withChannel(node.url, (channel) => channel.assertExchange('hash', 'x-consistent-hash'));
    expect(exchange).to.equal('hash');
  });

  it('accepts messages of 512 KiB and refuses larger ones', async () => {
    await withChannel(node.url, async (channel) => {
      await channel.assertQueue('limits', { durable: true });
      channel.sendToQueue('limits', Buffer.alloc(512 * 1024));
      await channel.waitForConfirms();
      const closed = new Promise<Error>((resolve) => channel.once('error', resolve));
      channel.sendToQueue('limits', Buffer.alloc(512 * 1024 + 1));
      expect((await closed).message).to.match(/larger than/);
    });
  });

  for (const [version, words] of [
    [
      'earlier',
      'rabbit,{{failed_to_initialize_feature_flags_registry,{disabled_required_feature_flag,stream_filtering}}',
    ],
    ['later', 'rabbit,{{schema_integrity_check_failed,[{table_missing,rabbit_listener}]}}'],
  ] as const) {
    it(`reports a remedy for data of a much ${version} version`, async () => {
      const kept = scratchFolder('rabbit');
      // As a second version: with its messages, as seen when 4.3 was started on data of 3.10, and 3.10 on data of 4.0.
      const program = join(scratchFolder('bin'), 'rabbitmq-server');
      writeFileSync(
        program,
        `#!/bin/sh\necho 'Kernel pid terminated ({application_start_failure,${words}})'\nexit 1\n`,
        {
          mode: 0o755,
        },
      );
      const failure = await startRabbitmq({ folder: kept, port: 0, program }).catch((error: Error) => error.message);
      expect(failure).to.equal(
        `RabbitMQ did not start: this version of it cannot read what another one left in ${kept}. Go back to that one, or remove the folder and with it what waits in its queues`,
      );
    });
  }

  it('runs independently beside another one, and leaves nothing running when stopped', async () => {
    const otherFolder = scratchFolder('rabbit');
    const other = await start(otherFolder);
    expect(other.port).to.not.equal(node.port);
    await withChannel(node.url, (channel) => channel.assertQueue('mine'));
    const failure = await withChannel(other.url, async (channel) => {
      const closed = new Promise<Error>((resolve) => channel.once('error', resolve));
      return Promise.race([channel.checkQueue('mine').catch((error: Error) => error), closed]);
    });
    expect(failure)
      .to.be.instanceOf(Error)
      .with.property('message')
      .that.matches(/NOT_FOUND/);

    const { epmd } = processesOf(otherFolder);
    await other.stop();
    expect(identify(other.pid)).to.equal(undefined);
    expect(isRunning(epmd)).to.equal(false);
    expect(await isListening(other.port)).to.equal(false);
    expect(await isListening(node.port), 'the other one goes on').to.equal(true);
  });

  it('of a killed owner is stopped, and keeps its name, port and confirmed messages, also when killed', async () => {
    const kept = scratchFolder('rabbit');
    const { child, owned } = await startOwner('rabbitmq', kept);
    await publish(owned.url as string, 'one');
    const left = processesOf(kept);
    await child.kill();
    expect(isRunning(left.node) && isRunning(left.epmd), 'it outlives its owner').to.equal(true);

    const second = await start(kept);
    expect(isRunning(left.node) || isRunning(left.epmd)).to.equal(false);
    expect(second).to.include({ nodeName: owned.nodeName, url: owned.url });
    await publish(second.url, 'two');
    await second.kill();
    expect(identify(second.pid)).to.equal(undefined);

    const third = await start(kept);
    await withChannel(third.url, async (channel) => {
      for (const expected of ['one', 'two']) {
        const message = await channel.get('kept', { noAck: true });
        expect(message ? message.content.toString() : 'none').to.equal(expected);
      }
    });
  });
});
