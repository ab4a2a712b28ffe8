/**
 * The hash exchange maps a chat to a queue by the order in which its queues were bound. RabbitMQ keeps that order in
 * memory. After a full restart it rebuilds the order arbitrarily (seen on 3.10: up to half of all keys moved).
 * Unbinding and binding each queue again in index order always restores it. A transient exchange, which disappears in
 * such a restart, shows that this was done.
 *
 * Queues are bound to the hash exchange only here, and only under the lock of `TransportState`: the first time, and
 * whenever a binding may be missing. Two processes that bind at the same time can create another order. RabbitMQ 4.0.5
 * answers a bind that exists already before the first binder's bind has reached the ring, so the second process is
 * ahead of it (seen in 2 to 3 of 12 starts of four workers).
 *
 * Commands published between the restart and the repair may be in the wrong queue. So each repair has a generation
 * number, which is raised in the store before the repair begins. The repair ends by publishing a marker with that
 * number to every queue. Deliveries before the marker may be misplaced, deliveries after it are not
 * (amqp-subscription.ts). The first declaration has no number, because commands arrive only after it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChannelModel } from 'amqplib';
import type { TransportState } from '../../../../application/ports/store/transport-state.js';
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
 * Pause between binding and marking. The broker routes a message before it passes it to the queue, and a message that
 * was routed just before the repair must arrive before the marker.
 */
export const RING_SETTLE_MS = 100;
/** Retry interval: a queue that has just started refuses messages until it has a leader. */
export const MARKER_RETRY_MS = 100;
export const MARKER_ATTEMPTS = 100;
/**
 * How long one process may bind queues under the lock. The lock itself expires after EXCLUSIVE_TIMEOUT_MS (15 s). A
 * process that was suspended for longer must not bind at the same time as its successor.
 */
export const RING_BINDING_MAX_MS = 12_000;

/**
 * The transient exchange whose existence shows that the ring was put in order since the broker's start. Nothing is
 * published to it.
 */
export function ringExchange(namespace: string): string {
  return names.ring(namespace);
}

/** The number of the last repair, in `TransportState`. */
export const RING_GENERATION = 'ring.generation';
/** The last repair whose marker has passed through the partition's queue, in `TransportState`. */
export const ringSeenBy = (partition: number) => `ring.seen.${partition}`;

export function isRingMarked(model: ChannelModel, namespace: string): Promise<boolean> {
  return exists(model, (channel) => channel.checkExchange(ringExchange(namespace)));
}

/** Makes the next `ensureRing` repair the ring, whatever its state. */
export async function forgetRingOrder(model: ChannelModel, namespace: string): Promise<void> {
  await onChannel(model, (channel) => channel.deleteExchange(ringExchange(namespace)));
}

/**
 * The sentinel exchange of a queue, bound to it. It deletes itself with its last binding, so it goes with its queue,
 * however the queue is deleted and however soon it is declared again. Checking that a queue exists is not enough: it
 * may be deleted right after the check and declared again by the next step.
 */
const sentinel = names.queueSentinel;

/** Whether each queue is still the one that existed when the ring was put in order. */
function areQueuesTheSame(model: ChannelModel, topology: Topology): Promise<boolean> {
  return exists(model, async (channel) => {
    for (const { destination } of hashBindings(topology)) await channel.checkExchange(sentinel(destination));
  });
}

export interface RingContext {
  namespace: string;
  topology: Topology;
  state: TransportState;
  /** On the same connection as `model`. */
  publisher: Pick<ConfirmedPublisher, 'publish'>;
}

export type RingOutcome = 'new' | 'in order' | 'repaired';

/**
 * Call it after `declareObjects` and before `bindCommandsExchange`. Commands may be consumed after it has resolved.
 * Several processes may call it at once: one binds, the others wait. Rejects with `TopologyFault` if the user lacks a
 * permission.
 */
export async function ensureRing(model: ChannelModel, context: RingContext): Promise<RingOutcome> {
  const { namespace, topology, state, publisher } = context;
  const isNeeded = async () => !(await isRingMarked(model, namespace)) || !(await areQueuesTheSame(model, topology));
  if (!(await isNeeded())) return 'in order';
  let outcome: RingOutcome = 'in order';
  let lockedAt = 0;
  const finish = async () => {
    // A queue deleted meanwhile has lost its binding.
    if (!(await areQueuesTheSame(model, topology))) throw new Error('a queue was deleted while it was bound');
    await markInOrder(model, context);
  };
  // The permission is checked before the repair gets a number. Otherwise a process that may not declare sentinels would
  // repair forever, and commands would change partitions each time.
  const isRepairNeeded = async () => {
    lockedAt = performance.now();
    if (!(await isNeeded())) return false;
    await forgetRingOrder(model, namespace);
    const hash = hashExchangeOf(topology);
    const isNew = !(await exists(model, (channel) => channel.checkExchange(hash.name)));
    await declareInTurn(model, [exchangeDeclaration(hash)]);
    await declareSentinels(model, topology);
    if (!isNew) return true;
    await bindInOrder(model, topology, { isNew, lockedAt });
    await finish();
    outcome = 'new';
    return false;
  };
  await state.exclusively(async () => {
    if (!(await isRepairNeeded())) return;
    const generation = await nextGeneration(state);
    await bindInOrder(model, topology, { isNew: false, lockedAt });
    await sleep(RING_SETTLE_MS);
    for (const { destination } of hashBindings(topology)) await publishMarker(publisher, destination, generation);
    await finish();
    outcome = 'repaired';
  });
  return outcome;
}

async function nextGeneration(state: TransportState): Promise<number> {
  const [generation = 0] = await state.read([RING_GENERATION]);
  await state.raise(RING_GENERATION, generation + 1);
  return generation + 1;
}

/** Rejects with `TopologyFault` if the user lacks the permission. */
async function declareSentinels(model: ChannelModel, topology: Topology): Promise<void> {
  const declarations = hashBindings(topology).map(({ destination }): Declaration => {
    const name = sentinel(destination);
    const declare: Declaration[1] = async (channel) => {
      await channel.assertExchange(name, 'fanout', { durable: false, internal: true, autoDelete: true });
      await channel.bindQueue(destination, name, '');
    };
    return [`exchange ${name}`, declare];
  });
  await declareInTurn(model, declarations);
}

/** The exchange is bound to the hash exchange and is deleted with it. */
async function markInOrder(model: ChannelModel, { namespace, topology }: RingContext): Promise<void> {
  const mark = ringExchange(namespace);
  const declare: Declaration[1] = async (channel) => {
    await channel.assertExchange(mark, 'fanout', { durable: false, internal: true, autoDelete: true });
    await channel.bindExchange(hashExchangeOf(topology).name, mark, '');
  };
  await declareInTurn(model, [[`exchange ${mark}`, declare]]);
}

/** Binds one queue after another and waits for each answer. `isNew`: none of them is bound yet. */
async function bindInOrder(
  model: ChannelModel,
  topology: Topology,
  { isNew, lockedAt }: { isNew: boolean; lockedAt: number },
): Promise<void> {
  const bindings = hashBindings(topology);
  // A single queue is always in order, and must not lose its binding even for a moment.
  const hasToUnbind = !isNew && bindings.length > 1;
  const declarations = bindings.map((binding): Declaration => {
    const [object, bind] = bindingDeclaration(binding);
    const declare: Declaration[1] = async (channel) => {
      if (performance.now() - lockedAt > RING_BINDING_MAX_MS)
        throw new Error(`the hash ring was not bound within ${RING_BINDING_MAX_MS} ms; the next attempt continues`);
      if (hasToUnbind) await channel.unbindQueue(binding.destination, binding.source, binding.routingKey);
      await bind(channel);
    };
    return [object, declare];
  });
  await declareInTurn(model, declarations);
}

/** Published directly to the queue through the default exchange, which distinguishes it from a command. */
async function publishMarker(publisher: RingContext['publisher'], queue: string, generation: number): Promise<void> {
  const properties = {
    type: RING_MARKER_TYPE,
    persistent: true,
    // An explicit 64-bit number, because the library chooses the width by the value.
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
