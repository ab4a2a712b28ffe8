import { names } from '../../../src/contract/messages/topology.js';
import { onChannel } from '../../support/broker/broker-session.js';
import { eventually } from '../../support/eventually.js';
import { rabbitmqctl } from '../../support/services/rabbitmqctl.js';
import { type FleetHarness, lasting, WITHIN_MS } from '../fleet-harness.js';
import type { Scenario } from './scenario.js';

const CUTS = 3;
const UNHEARD_MS = 500;
const STORM_CLOSINGS = 6;
const STORM_INTERVAL_MS = 400;
const ALARM_MS = 4_000;
/**
 * RabbitMQ 3.10 writes the list of its quorum queues down with a delay. One that is killed sooner after a declaration
 * comes back with a queue that is empty and without a leader, for good: see docs/operating.md.
 */
const YOUNG_QUEUES_MS = 5_000;
/** The broker's own defaults, to go back to. */
const USUAL_MEMORY = '0.4';
const USUAL_DISK = '50MB';

async function alarmed(harness: FleetHarness, raise: readonly string[], lower: readonly string[]): Promise<void> {
  const alarms = async () => {
    const said = await rabbitmqctl(harness.brokerFolder, 'eval', 'rabbit_alarm:get_alarms().');
    return said.includes('resource_limit');
  };
  await rabbitmqctl(harness.brokerFolder, ...raise);
  try {
    await eventually(alarms, { within: WITHIN_MS, what: 'the alarm is raised' });
    await lasting(ALARM_MS);
  } finally {
    await rabbitmqctl(harness.brokerFolder, ...lower);
  }
  await harness.flows();
}

/**
 * In the broker itself, for its lists come seconds late. Workers name their connections; producers and dispatch of the
 * tests do not.
 */
export const STORM = `
  Named = fun(P) ->
    Properties = proplists:get_value(client_properties, rabbit_reader:info(P, [client_properties])),
    lists:keymember(<<"connection_name">>, 1, Properties)
  end,
  Close = fun(P) -> case catch Named(P) of true -> rabbit_networking:close_connection(P, "storm"); _ -> gone end end,
  [begin [Close(P) || P <- rabbit_networking:connections()], timer:sleep(${STORM_INTERVAL_MS}) end
    || _ <- lists:seq(1, ${STORM_CLOSINGS})],
  ok.`;

/** The workers' connections; new ones pass at once. */
export async function cut(harness: FleetHarness): Promise<void> {
  await harness.brokerWire.cut();
  await harness.brokerWire.join();
}

/** Passes the workers' data and drops the replies; then cuts their connections. */
export async function unheardFor(harness: FleetHarness, forMs: number): Promise<void> {
  harness.brokerWire.muffle();
  await lasting(forMs);
  await cut(harness);
}

/** The harness's own broker ends, is away, and is started again. */
export async function brokerAway(
  harness: FleetHarness,
  how: 'stopped' | 'killed',
  away: () => Promise<void>,
): Promise<void> {
  if (how === 'killed') await lasting(YOUNG_QUEUES_MS);
  await (how === 'killed' ? harness.killBroker() : harness.stopBroker());
  await away();
  await harness.startBroker();
  await Promise.all(harness.workers.map((worker) => worker.ready(WITHIN_MS)));
  await harness.flows();
}

/** The number of reconnects of the workers. */
function beganAnew(harness: FleetHarness): number {
  return harness.workers.flatMap(({ stderr }) => stderr.filter((line) => line.includes('broker connection lost')))
    .length;
}

export const confirmLost: Scenario = {
  name: 'broker-wire-cut',
  row: 'lost confirm, closed channel, double acknowledgement, null delivery',
  what: `the workers' connections to the broker are cut in the middle of confirms, ${CUTS} times`,
  async play(harness) {
    for (let times = 0; times < CUTS; times += 1) {
      await cut(harness);
      await harness.flows();
    }
  },
};

const confirmsUnheard: Scenario = {
  name: 'broker-confirms-unheard',
  row: 'lost confirm, closed channel, double acknowledgement, null delivery',
  what: `the broker receives everything, and its replies are lost for ${UNHEARD_MS} ms; then the connections are cut, ${CUTS} times`,
  async play(harness) {
    for (let times = 0; times < CUTS; times += 1) {
      await unheardFor(harness, UNHEARD_MS);
      await harness.flows();
    }
  },
};

export const redeliveryStorm: Scenario = {
  name: 'redelivery-storm',
  row: 'lost confirm, closed channel, double acknowledgement, null delivery',
  what: `the broker closes all connections of the workers, ${STORM_CLOSINGS} times, ${STORM_INTERVAL_MS} ms apart`,
  async play(harness) {
    const before = beganAnew(harness);
    await rabbitmqctl(harness.brokerFolder, 'eval', STORM);
    await harness.flows();
    if (beganAnew(harness) <= before) throw new Error('no connection was closed');
  },
};

export const queueDeleted: Scenario = {
  name: 'command-queue-deleted',
  row: 'lost confirm, closed channel, double acknowledgement, null delivery',
  what: 'a command queue is deleted (the consumer gets null); producers repeat the commands that were in it',
  async play(harness) {
    const { amqpUrl, namespace } = harness.fleet;
    await onChannel(amqpUrl, (channel) => channel.deleteQueue(names.commandQueue(namespace, 0)));
    await harness.flows();
  },
};

export const broker: Scenario[] = [
  confirmLost,
  confirmsUnheard,
  redeliveryStorm,
  queueDeleted,
  {
    name: 'broker-half-open',
    row: 'broker restarted, half-open connections, memory or disk alarm',
    what: 'all existing broker connections pass no data and stay open; new connections work',
    async play(harness) {
      harness.brokerWire.freeze();
      await harness.flows();
    },
  },
  {
    name: 'broker-restart',
    row: 'broker restarted, half-open connections, memory or disk alarm',
    what: 'the broker is stopped and started again',
    harness: { ownBroker: true },
    play: (harness) => brokerAway(harness, 'stopped', () => harness.unready(harness.workers[0], /./)),
  },
  {
    name: 'broker-killed',
    row: 'broker restarted, half-open connections, memory or disk alarm',
    what: 'the broker is killed with SIGKILL and started again; confirmed messages are still there',
    harness: { ownBroker: true },
    play: (harness) => brokerAway(harness, 'killed', () => harness.unready(harness.workers[0], /./)),
  },
  {
    name: 'broker-memory-alarm',
    row: 'broker restarted, half-open connections, memory or disk alarm',
    what: `set_vm_memory_high_watermark to almost 0, and back after ${ALARM_MS} ms`,
    harness: { ownBroker: true },
    play: (harness) =>
      alarmed(harness, ['set_vm_memory_high_watermark', '0.00001'], ['set_vm_memory_high_watermark', USUAL_MEMORY]),
  },
  {
    name: 'broker-disk-alarm',
    row: 'broker restarted, half-open connections, memory or disk alarm',
    what: `set_disk_free_limit above the free space, and back after ${ALARM_MS} ms`,
    harness: { ownBroker: true },
    play: (harness) => alarmed(harness, ['set_disk_free_limit', '100000GB'], ['set_disk_free_limit', USUAL_DISK]),
  },
];
