import type { ChannelModel } from 'amqplib';
import { bindCommandsExchange, declareObjects } from './declare-topology.js';
import { ensureRing, type RingContext, type RingOutcome } from './hash-ring.js';

/**
 * Declares missing objects on the broker and puts the hash ring in order, under the lock of `TransportState`. Then
 * commands can arrive. Rejects with `TopologyFault` if a retry cannot help. The namespace must belong to this store
 * (namespace-claim.ts).
 */
export async function prepareBroker(model: ChannelModel, context: RingContext): Promise<RingOutcome> {
  await declareObjects(model, context.topology);
  const ring = await ensureRing(model, context);
  await bindCommandsExchange(model, context.topology);
  return ring;
}
