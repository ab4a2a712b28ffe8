import { type ChannelModel, type ConfirmChannel, type ConsumeMessage, connect, type Options } from 'amqplib';
import { MemoryTransportState } from '../../../src/adapters/stores/memory/memory-transport-state.js';
import { amqpCapabilities } from '../../../src/adapters/transports/amqp/amqp-capabilities.js';
import { AmqpTransport } from '../../../src/adapters/transports/amqp/amqp-transport.js';
import { toIncomingCommand } from '../../../src/adapters/transports/amqp/consume/incoming-command.js';
import { RING_GENERATION } from '../../../src/adapters/transports/amqp/topology/hash-ring.js';
import { prepareBroker } from '../../../src/adapters/transports/amqp/topology/prepare-broker.js';
import type { TransportState } from '../../../src/application/ports/store/transport-state.js';
import type { IncomingCommand } from '../../../src/contract/messages/delivery.js';
import { names, type TopologySettings, topology } from '../../../src/contract/messages/topology.js';
import type {
  SeenEvent,
  TransportHarness,
  TransportUnderTest,
} from '../../conformance/transport/transport-conformance.js';
import { collectedLog } from '../../support/collected-log.js';
import { eventually } from '../../support/eventually.js';
import { rabbitmq, uniqueNamespace } from '../../support/services/services.js';

/** The store of all transports that a test does not give another one. */
export const STORE_ID = '5f0c8f3e-0d52-4c0e-8a11-5b0c4b7c2e00';

/** The number of ring repairs. */
export async function repairsOf(state: TransportState): Promise<number> {
  const [generation = 0] = await state.read([RING_GENERATION]);
  return generation;
}

export function topologySettings(
  namespace: string,
  partitions: number,
  dispatch: 'consumed' | 'unwanted' | 'stuck' = 'consumed',
) {
  const settings: TopologySettings = {
    namespace,
    partitions,
    dispatchQueues: dispatch === 'unwanted' ? [] : [{ name: `${namespace}.dispatch`, bindings: ['#'] }],
    dispatchMaxBytes: dispatch === 'stuck' ? 300 : 1_000_000_000,
  };
  return settings;
}

export interface TransportSettings {
  url?: string;
  namespace?: string;
  partitions?: number;
  dispatch?: 'consumed' | 'unwanted' | 'stuck';
  workerId?: string;
  state?: TransportState | null;
  storeId?: string | null;
  random?: () => number;
}

/** A transport with its own namespace on the run's broker, not started. */
export async function amqpTransport(settings: TransportSettings = {}) {
  const { partitions = 1, dispatch, workerId = 'worker-1', state = new MemoryTransportState(), random } = settings;
  const { storeId = state === null ? null : STORE_ID } = settings;
  const url = settings.url ?? (await rabbitmq()).url;
  const namespace = settings.namespace ?? uniqueNamespace();
  const log = collectedLog();
  const topology = topologySettings(namespace, partitions, dispatch);
  const transport = new AmqpTransport({
    ...{ url, workerId, topology, state, random, logger: log.logger },
    storeId: storeId === null ? null : () => storeId,
  });
  return { transport, url, namespace, topology, log };
}

/** Declares everything, the ring included, for a namespace that is new. */
export async function declareAll(model: ChannelModel, settings: TopologySettings): Promise<void> {
  const publisher = { publish: () => Promise.reject(new Error('nothing is to be marked in a new namespace')) };
  const { namespace } = settings;
  await prepareBroker(model, { namespace, topology: topology(settings), state: new MemoryTransportState(), publisher });
}

/** A client that is not ours. */
export class Outsider {
  readonly model: ChannelModel;
  readonly channel: ConfirmChannel;

  private constructor(model: ChannelModel, channel: ConfirmChannel) {
    this.model = model;
    this.channel = channel;
  }

  static async connect(url: string): Promise<Outsider> {
    const model = await connect(url);
    model.on('error', () => undefined);
    const channel = await model.createConfirmChannel();
    channel.on('error', () => undefined);
    return new Outsider(model, channel);
  }

  /** Resolves when the broker has it; rejects when it refuses. */
  publish(exchange: string, routingKey: string, body: Uint8Array, properties: Options.Publish = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      this.channel.publish(exchange, routingKey, Buffer.from(body), properties, (error: unknown) =>
        error === null ? resolve() : reject(error as Error),
      );
    });
  }

  /** Takes everything that comes into a queue, without acknowledging. */
  async collect(queue: string): Promise<ConsumeMessage[]> {
    const messages: ConsumeMessage[] = [];
    await this.channel.consume(queue, (message) => {
      if (message !== null) messages.push(message);
    });
    return messages;
  }

  /** A queue's first messages, as many as asked for. */
  async take(queue: string, count: number): Promise<ConsumeMessage[]> {
    const messages = await this.collect(queue);
    await eventually(() => messages.length >= count, { within: 10_000, what: `${count} messages in ${queue}` });
    return messages;
  }

  async deleteObjects({ namespace, partitions, dispatchQueues }: TopologySettings): Promise<void> {
    for (let partition = 0; partition < partitions; partition += 1)
      await this.channel.deleteQueue(names.commandQueue(namespace, partition));
    for (const { name } of dispatchQueues) await this.channel.deleteQueue(name);
    await this.channel.deleteQueue(names.deadLetters(namespace));
    for (const name of [
      names.commands(namespace),
      names.commandsByChat(namespace),
      names.events(namespace),
      names.live(namespace),
      `${namespace}.ring`,
      names.store(namespace),
    ])
      await this.channel.deleteExchange(name);
  }

  close(): Promise<void> {
    return this.model.close();
  }
}

export const amqpHarness: TransportHarness = {
  capabilities: amqpCapabilities,
  open: async ({ partitions, events: dispatch }): Promise<TransportUnderTest> => {
    const { transport, url, namespace, topology } = await amqpTransport({ partitions, dispatch });
    await transport.start();
    const outsider = await Outsider.connect(url);
    const events: SeenEvent[] = [];
    const deadLettered: IncomingCommand[] = [];
    if (dispatch === 'consumed')
      await outsider.channel.consume(`${namespace}.dispatch`, (message) => {
        if (message !== null) events.push({ id: message.properties.messageId, body: message.content.toString() });
      });
    await outsider.channel.consume(names.deadLetters(namespace), (message) => {
      if (message !== null) deadLettered.push(toIncomingCommand(message, 'guest'));
    });
    const underTest = (of: AmqpTransport): TransportUnderTest => ({
      source: of.source,
      sink: of.sink,
      live: of.live,
      receipts: of.receipts,
      deadLetters: of.deadLetters,
      door: of.gateway,
      publish: ({ body, routingKey, ...properties }) =>
        outsider.publish(names.commands(namespace), routingKey, body, {
          persistent: true,
          ...properties,
        } as Options.Publish),
      events: () => events,
      deadLettered: () => deadLettered,
      ignoredReceipts: () => of.counters.receiptsIgnored,
      stop: () => of.stop(),
      another: async () => {
        const settings = { url, namespace, partitions, dispatch, workerId: 'worker-2' };
        const beside = (await amqpTransport(settings)).transport;
        await beside.start();
        return underTest(beside);
      },
      close: async () => {
        await of.stop();
        await outsider.deleteObjects(topology);
        await outsider.close();
      },
    });
    return underTest(transport);
  },
};
