/**
 * Which queue the hash exchange sends a chat to depends on the order in which its queues were bound. RabbitMQ keeps that order in memory and,
 * after a full restart, builds it anew in any order (seen on 3.10: up to half of all keys moved). Unbinding and binding each queue once
 * more in index order restores it, every time. A transient exchange, which the same restart takes away, tells that it was done.
 *
 * What was published between the restart and the repair may lie in the wrong queue. So each repair has a number, raised in the
 * database before it begins, and ends by putting a marker with that number into every queue: a worker that has not met it yet sends on what
 * is not its own; past it, that is an error.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChannelModel } from 'amqplib';
import type { PartitionRegistry } from '../../application/ports/partition-registry.js';
import { names, type Topology } from '../../contract/topology.js';
import { type ConfirmedPublisher, NotConfirmed } from './confirmed-publisher.js';
import { bind, exists, faultOf, hashBindings, onChannel, type TopologyFound } from './declare-topology.js';
import { RING_GENERATION_HEADER, RING_MARKER_TYPE } from './incoming-command.js';

/**
 * Between binding and marking: the broker routes a message before it hands it to the queue, and what was routed just before the repair
 * should lie before the marker.
 */
export const RING_SETTLE_MS = 100;
/** A queue that has just come up refuses for a moment, until it has a leader. */
export const MARKER_RETRY_MS = 100;
export const MARKER_ATTEMPTS = 100;

/** The transient exchange that says: since this broker came up, the ring was put in order. Nothing is published to it. */
export function ringExchange(namespace: string): string {
  return names.ring(namespace);
}

/** Ask before `declareTopology`: a queue found missing after that was taken out of an orderly ring. */
export function isRingMarked(model: ChannelModel, namespace: string): Promise<boolean> {
  return exists(model, (channel) => channel.checkExchange(ringExchange(namespace)));
}

/**
 * One for each queue, and bound to it: it deletes itself with its last binding, so that it goes with its queue, whoever deletes that and however soon
 * it is declared again. To look whether a queue is missing is not enough: it may be deleted right after the look, and declared again by what follows.
 */
const witness = names.ringWitness;

/** Whether each queue is still the one that was there when the ring was put in order. */
function areQueuesTheSame(model: ChannelModel, topology: Topology): Promise<boolean> {
  return exists(model, async (channel) => {
    for (const { destination } of hashBindings(topology)) await channel.checkExchange(witness(destination));
  });
}

export interface RingContext {
  namespace: string;
  topology: Topology;
  registry: Pick<PartitionRegistry, 'repairRing'>;
  /** On the same connection as `model`. */
  publisher: ConfirmedPublisher;
}

/**
 * Call after `declareTopology`, with what was found before; commands may be consumed once it has resolved. Several workers may call it at once:
 * one repairs, the others wait.
 */
export async function ensureRing(
  model: ChannelModel,
  found: TopologyFound & { ringMark: boolean },
  { namespace, topology, registry, publisher }: RingContext,
): Promise<'new' | 'in order' | 'repaired'> {
  const exchange = ringExchange(namespace);
  const forgetOrder = () => onChannel(model, (channel) => channel.deleteExchange(exchange));
  const markInOrder = () =>
    onChannel(model, (channel) => channel.assertExchange(exchange, 'fanout', { durable: false, internal: true }));
  if (!found.hashExchange) {
    await putWitnesses(model, topology);
    await markInOrder(); // the bindings were made just now, in index order
    return 'new';
  }
  // A queue that was gone has been bound again, last: the order is lost, whatever was said of it.
  if (found.ringMark && !found.hashedQueues) await forgetOrder();
  const isNeeded = async () => !(await isRingMarked(model, namespace)) || !(await areQueuesTheSame(model, topology));
  if (!(await isNeeded())) return 'in order';
  let hasRepaired = false;
  // Before the repair has a number: whoever may not put witnesses would repair for ever, each time with commands that change places.
  const isBegun = async () => {
    if (!(await isNeeded())) return false;
    await forgetOrder();
    await putWitnesses(model, topology);
    return true;
  };
  await registry.repairRing(isBegun, async (generation) => {
    await rebind(model, topology);
    await sleep(RING_SETTLE_MS);
    for (const { destination } of hashBindings(topology)) await publishMarker(publisher, destination, generation);
    // One that was deleted since may have been bound again by somebody else, last.
    if (!(await areQueuesTheSame(model, topology))) throw new Error('a queue was deleted while the ring was repaired');
    await markInOrder();
    hasRepaired = true;
  });
  return hasRepaired ? 'repaired' : 'in order';
}

/** Rejects with `TopologyFault` where the user may not. */
async function putWitnesses(model: ChannelModel, topology: Topology): Promise<void> {
  let what = '';
  try {
    await onChannel(model, async (channel) => {
      for (const { destination } of hashBindings(topology)) {
        what = `exchange ${witness(destination)}`;
        await channel.assertExchange(witness(destination), 'fanout', {
          durable: false,
          internal: true,
          autoDelete: true,
        });
        await channel.bindQueue(destination, witness(destination), '');
      }
    });
  } catch (error) {
    throw faultOf(what, error as Error) ?? error;
  }
}

async function rebind(model: ChannelModel, topology: Topology): Promise<void> {
  const bindings = hashBindings(topology);
  if (bindings.length < 2) return; // one queue is always in order, and must not be without its binding even for a moment
  await onChannel(model, async (channel) => {
    for (const binding of bindings) {
      await channel.unbindQueue(binding.destination, binding.source, binding.routingKey);
      await bind(channel, binding);
    }
  });
}

/** Straight into the queue, by the default exchange: that is how a worker knows it from a command. */
async function publishMarker(publisher: ConfirmedPublisher, queue: string, generation: number): Promise<void> {
  const properties = {
    type: RING_MARKER_TYPE,
    persistent: true,
    // Said as a 64-bit number, or the library would choose a width by the value.
    headers: { [RING_GENERATION_HEADER]: { '!': 'int64', value: generation } },
  };
  for (let attempt = 1; ; attempt += 1) {
    try {
      await publisher.publish({ exchange: '', routingKey: queue, body: new Uint8Array(), properties });
      return;
    } catch (error) {
      const isRefused = error instanceof NotConfirmed && error.outcome === 'refused';
      if (!isRefused || attempt >= MARKER_ATTEMPTS) throw error;
      await sleep(MARKER_RETRY_MS);
    }
  }
}
