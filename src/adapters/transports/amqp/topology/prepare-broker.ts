import type { ChannelModel } from 'amqplib';
import { declareObjects, openDoor } from './declare-topology.js';
import { ensureRing, type RingContext, type RingOutcome } from './hash-ring.js';

/**
 * Declares what is missing at the broker and has the hash ring in order, which is where the registry's lock comes in; then commands can come in.
 * Rejects with `TopologyFault` where trying again would not help. The namespace must be this store's (store-exchange.ts).
 */
export async function prepareBroker(model: ChannelModel, context: RingContext): Promise<RingOutcome> {
  await declareObjects(model, context.topology);
  const ring = await ensureRing(model, context);
  await openDoor(model, context.topology);
  return ring;
}
