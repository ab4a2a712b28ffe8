import amqp from 'amqplib';
import { names } from '../../../src/contract/topology.js';
import { eventually } from '../../support/eventually.js';
import { rabbitmqctl } from '../../support/rabbitmqctl.js';
import { manage, rabbitmq } from '../../support/services.js';
import { lasting, type Stage, WITHIN_MS } from '../stage.js';
import type { Scenario } from './scenario.js';

const CUTS = 3;
const STORM_CLOSINGS = 12;
const STORM_COMMANDS_BETWEEN = 24;
const ALARM_MS = 4_000;
/** The broker's own defaults, to go back to. */
const USUAL_MEMORY = '0.4';
const USUAL_DISK = '50MB';

async function alarmed(stage: Stage, raise: readonly string[], lower: readonly string[]): Promise<void> {
  const alarms = async () => {
    const said = await rabbitmqctl(stage.brokerFolder, 'eval', 'rabbit_alarm:get_alarms().');
    return said.includes('resource_limit');
  };
  await rabbitmqctl(stage.brokerFolder, ...raise);
  try {
    await eventually(alarms, { within: WITHIN_MS, what: 'the alarm is raised' });
    await lasting(ALARM_MS);
  } finally {
    await rabbitmqctl(stage.brokerFolder, ...lower);
  }
  await stage.flows();
}

async function closeConnectionsOfWorkers(stage: Stage): Promise<number> {
  const { node } = await rabbitmq();
  if (node === undefined) throw new Error('TEST_AMQP_URL names a broker whose connections are not ours to close');
  const all = (await manage(node, 'GET', 'connections')) as {
    name: string;
    client_properties?: { connection_name?: string };
  }[];
  // Only what came by way of the wire is a worker's of this stage: the broker knows it by the wire's own end.
  const theirs = all.filter(({ name }) =>
    stage.brokerWire.farPorts.some((port) => name.startsWith(`127.0.0.1:${port} `)),
  );
  // One that has gone by itself meanwhile is closed as well.
  await Promise.allSettled(theirs.map(({ name }) => manage(node, 'DELETE', `connections/${encodeURIComponent(name)}`)));
  return theirs.length;
}

export const confirmLost: Scenario = {
  name: 'broker-wire-cut',
  row: 'confirm lost, channel closed',
  what: `the workers' connections to the broker are cut in the middle of confirms, ${CUTS} times`,
  async play(stage) {
    for (let cut = 0; cut < CUTS; cut += 1) {
      await stage.brokerWire.cut();
      await stage.brokerWire.join();
      await stage.flows();
    }
  },
};

export const redeliveryStorm: Scenario = {
  name: 'redelivery-storm',
  row: 'confirm lost, channel closed',
  what: `the broker closes every connection of the workers, ${STORM_CLOSINGS} times, under load`,
  async play(stage) {
    for (let closing = 0; closing < STORM_CLOSINGS; closing += 1) {
      await stage.sends(STORM_COMMANDS_BETWEEN);
      await eventually(() => closeConnectionsOfWorkers(stage), { within: WITHIN_MS, what: 'there is one to close' });
    }
    await stage.flows();
  },
};

export const queueDeleted: Scenario = {
  name: 'command-queue-deleted',
  row: 'confirm lost, channel closed',
  what: 'a command queue is deleted (the consumer gets null), and what was in it is asked for again',
  async play(stage) {
    const connection = await amqp.connect(stage.fleet.amqpUrl);
    const channel = await connection.createChannel();
    await channel.deleteQueue(names.commandQueue(stage.fleet.namespace, 0));
    await connection.close();
    await stage.flows();
  },
};

export const broker: Scenario[] = [
  confirmLost,
  redeliveryStorm,
  queueDeleted,
  {
    name: 'broker-half-open',
    row: 'broker',
    what: 'nothing passes on any connection to the broker, and nobody is told; new ones pass',
    async play(stage) {
      stage.brokerWire.freeze();
      await stage.flows();
    },
  },
  {
    name: 'broker-restart',
    row: 'broker',
    what: 'stopped and started again',
    stage: { ownBroker: true },
    async play(stage) {
      await stage.stopBroker();
      await stage.unready(stage.workers[0], /./);
      await stage.startBroker();
      await stage.workers[0]?.ready(WITHIN_MS);
      await stage.reconnect();
      await stage.flows();
    },
  },
  {
    name: 'broker-killed',
    row: 'broker',
    what: 'killed with SIGKILL and started again',
    stage: { ownBroker: true },
    async play(stage) {
      await stage.killBroker();
      await stage.startBroker();
      await stage.workers[0]?.ready(WITHIN_MS);
      await stage.reconnect();
      await stage.flows();
    },
  },
  {
    name: 'broker-memory-alarm',
    row: 'broker',
    what: `set_vm_memory_high_watermark to next to nothing, back after ${ALARM_MS} ms`,
    stage: { ownBroker: true },
    play: (stage) =>
      alarmed(stage, ['set_vm_memory_high_watermark', '0.00001'], ['set_vm_memory_high_watermark', USUAL_MEMORY]),
  },
  {
    name: 'broker-disk-alarm',
    row: 'broker',
    what: `set_disk_free_limit above what is there, back after ${ALARM_MS} ms`,
    stage: { ownBroker: true },
    play: (stage) => alarmed(stage, ['set_disk_free_limit', '1000TB'], ['set_disk_free_limit', USUAL_DISK]),
  },
];
