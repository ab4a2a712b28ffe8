/**
 * Which queue the hash exchange sends a chat to depends on the order in which its queues were bound. RabbitMQ keeps that order in memory and,
 * after a full restart, builds it anew in any order (seen on 3.10: up to half of all keys moved). Unbinding and binding each queue once
 * more in index order restores it, every time. A transient exchange, which the same restart takes away, tells that it was done.
 *
 * Queues are bound to the hash exchange here alone, and only under the registry's lock: the first time, and whenever a binding may be missing. Two
 * processes that bind at once can leave another order behind. RabbitMQ 4.0.5 answers a bind that exists already before the first binder's has
 * reached the ring, so that the second one is ahead of it (seen in 2 to 3 of 12 starts of four workers).
 *
 * What was published between the restart and the repair may lie in the wrong queue. So each repair has a number, raised in the
 * database before it begins, and ends by putting a marker with that number into every queue: a worker that has not met it yet sends on what
 * is not its own; past it, that is an error. The first declaration has no number: the door is opened after it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChannelModel } from 'amqplib';
import type { PartitionRegistry } from '../../../../application/ports/partition-registry.js';
import { names, type Topology } from '../../../../contract/messages/topology.js';
import { RING_GENERATION_HEADER, RING_MARKER_TYPE } from '../consume/incoming-command.js';
import { type ConfirmedPublisher, NotConfirmed } from '../publish/confirmed-publisher.js';
import {
  bindingDeclaration,
  type Declaration,
  declareInTurn,
  exchangeDeclaration,
  exists,
  hashBindings,
  hashExchangeOf,
  onChannel,
} from './declare-topology.js';

/**
 * Between binding and marking: the broker routes a message before it hands it to the queue, and what was routed just before the repair
 * should lie before the marker.
 */
export const RING_SETTLE_MS = 100;
/** A queue that has just come up refuses for a moment, until it has a leader. */
export const MARKER_RETRY_MS = 100;
export const MARKER_ATTEMPTS = 100;
/**
 * How long one process may bind queues under the lock. The lock itself is gone after RING_REPAIR_TIMEOUT_MS (15 s): a process that was frozen longer
 * must not go on binding beside its successor.
 */
export const RING_BINDING_MAX_MS = 12_000;

/** The transient exchange that says: since this broker came up, the ring was put in order. Nothing is published to it. */
export function ringExchange(namespace: string): string {
  return names.ring(namespace);
}

export function isRingMarked(model: ChannelModel, namespace: string): Promise<boolean> {
  return exists(model, (channel) => channel.checkExchange(ringExchange(namespace)));
}

/** Has the ring put in order by the next `ensureRing`, whatever its state. */
export async function forgetRingOrder(model: ChannelModel, namespace: string): Promise<void> {
  await onChannel(model, (channel) => channel.deleteExchange(ringExchange(namespace)));
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
  publisher: Pick<ConfirmedPublisher, 'publish'>;
}

export type RingOutcome = 'new' | 'in order' | 'repaired';

/**
 * Call after `declareObjects` and before `openDoor`; commands may be consumed once it has resolved. Several processes may call it at once: one binds,
 * the others wait. Rejects with `TopologyFault` where the user may not.
 */
export async function ensureRing(model: ChannelModel, context: RingContext): Promise<RingOutcome> {
  const { namespace, topology, registry, publisher } = context;
  const isNeeded = async () => !(await isRingMarked(model, namespace)) || !(await areQueuesTheSame(model, topology));
  if (!(await isNeeded())) return 'in order';
  let outcome: RingOutcome = 'in order';
  let lockedAt = 0;
  const finish = async () => {
    // One that was deleted since is not bound any more.
    if (!(await areQueuesTheSame(model, topology))) throw new Error('a queue was deleted while it was bound');
    await markInOrder(model, context);
  };
  // Before the repair has a number: a process that may not put witnesses would repair for ever, each time with commands that change places.
  const isRepairNeeded = async () => {
    lockedAt = performance.now();
    if (!(await isNeeded())) return false;
    await forgetRingOrder(model, namespace);
    const hash = hashExchangeOf(topology);
    const isNew = !(await exists(model, (channel) => channel.checkExchange(hash.name)));
    await declareInTurn(model, [exchangeDeclaration(hash)]);
    await putWitnesses(model, topology);
    if (!isNew) return true;
    await bindInOrder(model, topology, { isNew, lockedAt });
    await finish();
    outcome = 'new';
    return false;
  };
  await registry.repairRing(isRepairNeeded, async (generation) => {
    await bindInOrder(model, topology, { isNew: false, lockedAt });
    await sleep(RING_SETTLE_MS);
    for (const { destination } of hashBindings(topology)) await publishMarker(publisher, destination, generation);
    await finish();
    outcome = 'repaired';
  });
  return outcome;
}

/** Rejects with `TopologyFault` where the user may not. */
async function putWitnesses(model: ChannelModel, topology: Topology): Promise<void> {
  const declarations = hashBindings(topology).map(({ destination }): Declaration => {
    const name = witness(destination);
    const declare: Declaration[1] = async (channel) => {
      await channel.assertExchange(name, 'fanout', { durable: false, internal: true, autoDelete: true });
      await channel.bindQueue(destination, name, '');
    };
    return [`exchange ${name}`, declare];
  });
  await declareInTurn(model, declarations);
}

/** Bound to the hash exchange, it deletes itself with that. */
async function markInOrder(model: ChannelModel, { namespace, topology }: RingContext): Promise<void> {
  const mark = ringExchange(namespace);
  const declare: Declaration[1] = async (channel) => {
    await channel.assertExchange(mark, 'fanout', { durable: false, internal: true, autoDelete: true });
    await channel.bindExchange(hashExchangeOf(topology).name, mark, '');
  };
  await declareInTurn(model, [[`exchange ${mark}`, declare]]);
}

/** One after the other, each answered before the next is asked for. `isNew`: none of them is bound yet. */
async function bindInOrder(
  model: ChannelModel,
  topology: Topology,
  { isNew, lockedAt }: { isNew: boolean; lockedAt: number },
): Promise<void> {
  const bindings = hashBindings(topology);
  // One queue is always in order, and must not be without its binding even for a moment.
  const hasToUnbind = !isNew && bindings.length > 1;
  const declarations = bindings.map((binding): Declaration => {
    const [object, bind] = bindingDeclaration(binding);
    const declare: Declaration[1] = async (channel) => {
      if (performance.now() - lockedAt > RING_BINDING_MAX_MS)
        throw new Error(`the hash ring was not bound within ${RING_BINDING_MAX_MS} ms: leaving it to the next try`);
      if (hasToUnbind) await channel.unbindQueue(binding.destination, binding.source, binding.routingKey);
      await bind(channel);
    };
    return [object, declare];
  });
  await declareInTurn(model, declarations);
}

/** Straight into the queue, by the default exchange: that is how a worker knows it from a command. */
async function publishMarker(publisher: RingContext['publisher'], queue: string, generation: number): Promise<void> {
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
