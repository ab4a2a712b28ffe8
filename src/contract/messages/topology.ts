/**
 * The broker's objects as data (CONTRACT, section 1.1). Adapters declare it, `parley topology` prints it.
 */

/**
 * In effect none. Poison is counted by us: the broker's counter also counts every neighbour of a bad command. And unless told otherwise
 * RabbitMQ 4 drops what was given back 20 times: events of a dispatch worker that keeps crashing, dead letters that somebody reads.
 */
export const DELIVERY_LIMIT = 1_000_000;

/** RabbitMQ's bound on one message in the brokers we ship. */
export const MAX_MESSAGE_BYTES = 512 * 1024;

export interface TopologySettings {
  /** `CHAT_NAMESPACE`: prefix of every object's name. */
  namespace: string;
  /** `COMMAND_PARTITIONS`: how many command queues. */
  partitions: number;
  /** `DISPATCH_QUEUES`: queue name to binding keys; empty for `none`. */
  dispatchQueues: ReadonlyArray<{ name: string; bindings: readonly string[] }>;
  /** `DISPATCH_MAX_BYTES`: bound of each dispatch queue. */
  dispatchMaxBytes: number;
  /** `DISPATCH_WHEN_FULL`: what a full dispatch queue does; `refuse` where absent, with which nothing is lost. */
  dispatchWhenFull?: DispatchWhenFull | undefined;
}

/** `refuse`: events wait in the store until there is room; `drop-oldest`: the queue loses its oldest events. */
export type DispatchWhenFull = 'refuse' | 'drop-oldest';
const OVERFLOW = { refuse: 'reject-publish', 'drop-oldest': 'drop-head' } as const;

export interface ExchangeDeclaration {
  name: string;
  type: 'topic' | 'x-consistent-hash';
}

export interface QueueDeclaration {
  name: string;
  arguments: Record<string, string | number | boolean>;
}

export interface BindingDeclaration {
  source: string;
  destination: string;
  destinationType: 'queue' | 'exchange';
  routingKey: string;
}

export interface Topology {
  exchanges: ExchangeDeclaration[];
  queues: QueueDeclaration[];
  /** In the order in which they must be made: the hash ring numbers its buckets by it, and the door is opened last. */
  bindings: BindingDeclaration[];
}

export const names = {
  commands: (namespace: string) => `${namespace}.commands`,
  commandsByChat: (namespace: string) => `${namespace}.commands.by-chat`,
  commandQueue: (namespace: string, partition: number) => `${namespace}.commands.p${partition}`,
  events: (namespace: string) => `${namespace}.events`,
  deadLetters: (namespace: string) => `${namespace}.dead-letters`,
  replies: (namespace: string) => `${namespace}.replies.`,
  /** Prefix of the reply queues of REST, one for each process and connection. */
  restReplies: (namespace: string) => `${namespace}.replies.rest-`,
  /**
   * Durable, internal; nothing is published to it. Its argument `alternate-exchange` names the store whose commands these are; that exchange
   * does not exist. Not part of `topology`: the store id comes from the database.
   */
  store: (namespace: string) => `${namespace}.store`,
  /** The value of that argument: the only argument of an exchange that RabbitMQ compares when it is declared again. */
  storeMark: (namespace: string, storeId: string) => `${namespace}.store.${storeId}`,
  /**
   * Transient, internal; nothing is published to it. That it is there says that the hash ring is in order. It is bound to the hash exchange and
   * deletes itself with that.
   */
  ring: (namespace: string) => `${namespace}.ring`,
  /** Transient, internal, bound to a command queue and gone with it: that it is there says that the queue is still the same one. */
  ringWitness: (commandQueue: string) => `${commandQueue}.ring`,
};

/** Receipts that wait in a reply queue of REST; past it the oldest are dropped. They can be read from the store. */
export const REST_REPLIES_MAX = 10_000;
/** A reply queue of REST that is left without a consumer goes after this, if its connection has not gone before. */
export const REST_REPLIES_EXPIRE_MS = 60_000;

/**
 * The queue in which one REST process awaits its receipts. It is declared exclusive, so that nobody else can read it, and goes with its
 * connection. `id` is random: who does not know it cannot have receipts sent there.
 */
export function restReplyQueue(namespace: string, id: string): QueueDeclaration {
  return {
    name: `${names.restReplies(namespace)}${id}`,
    arguments: {
      'x-max-length': REST_REPLIES_MAX,
      'x-overflow': 'drop-head',
      'x-expires': REST_REPLIES_EXPIRE_MS,
    },
  };
}

export function topology(settings: TopologySettings): Topology {
  const { namespace, partitions, dispatchQueues, dispatchMaxBytes, dispatchWhenFull = 'refuse' } = settings;
  const indexes = Array.from({ length: partitions }, (_, index) => index);
  return {
    exchanges: [
      { name: names.commands(namespace), type: 'topic' },
      { name: names.commandsByChat(namespace), type: 'x-consistent-hash' },
      { name: names.events(namespace), type: 'topic' },
    ],
    queues: [
      {
        name: names.deadLetters(namespace),
        arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': DELIVERY_LIMIT },
      },
      ...indexes.map((index) => ({
        name: names.commandQueue(namespace, index),
        arguments: {
          'x-queue-type': 'quorum',
          'x-single-active-consumer': true,
          'x-delivery-limit': DELIVERY_LIMIT,
          'x-dead-letter-strategy': 'at-least-once',
          'x-overflow': 'reject-publish',
          'x-dead-letter-exchange': '',
          'x-dead-letter-routing-key': names.deadLetters(namespace),
        },
      })),
      ...dispatchQueues.map(({ name }) => ({
        name,
        arguments: {
          'x-queue-type': 'quorum',
          'x-delivery-limit': DELIVERY_LIMIT,
          'x-max-length-bytes': dispatchMaxBytes,
          'x-overflow': OVERFLOW[dispatchWhenFull],
        },
      })),
    ],
    bindings: [
      ...dispatchQueues.flatMap(({ name, bindings }) =>
        bindings.map((routingKey) => ({
          source: names.events(namespace),
          destination: name,
          destinationType: 'queue' as const,
          routingKey,
        })),
      ),
      ...indexes.map((index) => ({
        source: names.commandsByChat(namespace),
        destination: names.commandQueue(namespace, index),
        destinationType: 'queue' as const,
        routingKey: '1',
      })),
      {
        source: names.commands(namespace),
        destination: names.commandsByChat(namespace),
        destinationType: 'exchange',
        routingKey: '#',
      },
    ],
  };
}
