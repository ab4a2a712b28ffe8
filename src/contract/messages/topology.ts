/** The broker's objects as data (CONTRACT, section 1.1). Adapters declare them, and `parley topology` prints them. */

/**
 * Effectively no limit. We count poison ourselves, because the broker's counter also counts other commands of a failed
 * batch. By default RabbitMQ 4 drops a message after 20 redeliveries. That would lose events of a dispatch worker that
 * keeps crashing, and dead letters that are browsed often.
 */
export const DELIVERY_LIMIT = 1_000_000;

/** Maximum message size in the broker configurations that we ship. */
export const MAX_MESSAGE_BYTES = 512 * 1024;

export interface TopologySettings {
  /** `CHAT_NAMESPACE`: prefix of every object's name. */
  namespace: string;
  /** `COMMAND_PARTITIONS`: number of command queues. */
  partitions: number;
  /** `DISPATCH_QUEUES`: queue names with their binding keys. Empty for `none`. */
  dispatchQueues: ReadonlyArray<{ name: string; bindings: readonly string[] }>;
  /** `DISPATCH_MAX_BYTES`: maximum size of each dispatch queue. */
  dispatchMaxBytes: number;
  /** `DISPATCH_WHEN_FULL`: what a full dispatch queue does. The default is `refuse`, which loses no event. */
  dispatchWhenFull?: DispatchWhenFull | undefined;
}

/** `refuse`: events wait in the store until there is room. `drop-oldest`: the queue loses its oldest events. */
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
  /**
   * In the order in which they must be declared: the hash ring numbers its buckets by it, and the binding to the
   * producers' exchange comes last.
   */
  bindings: BindingDeclaration[];
}

export const names = {
  commands: (namespace: string) => `${namespace}.commands`,
  commandsByChat: (namespace: string) => `${namespace}.commands.by-chat`,
  commandQueue: (namespace: string, partition: number) => `${namespace}.commands.p${partition}`,
  events: (namespace: string) => `${namespace}.events`,
  /** Copies of events for readers of the live feed. */
  live: (namespace: string) => `${namespace}.live`,
  /** Typing and presence, between gateways. Transient; a gateway declares it. */
  ephemeral: (namespace: string) => `${namespace}.ephemeral`,
  deadLetters: (namespace: string) => `${namespace}.dead-letters`,
  replies: (namespace: string) => `${namespace}.replies.`,
  /** Prefix of the reply queues of REST, one for each process and connection. */
  restReplies: (namespace: string) => `${namespace}.replies.rest-`,
  /**
   * Durable and internal; nothing is published to it. Its argument `alternate-exchange` names the store that the
   * namespace belongs to; no exchange with that name exists. Not part of `topology`, because the store id comes from
   * the database.
   */
  store: (namespace: string) => `${namespace}.store`,
  /** The value of that argument. It is the only argument that RabbitMQ compares when an exchange is declared again. */
  storeMark: (namespace: string, storeId: string) => `${namespace}.store.${storeId}`,
  /**
   * Transient and internal; nothing is published to it. Its existence shows that the hash ring is in order. It is bound
   * to the hash exchange and is deleted together with it.
   */
  ring: (namespace: string) => `${namespace}.ring`,
  /**
   * Transient, internal, bound to a command queue and deleted with it. Its existence shows that the queue is still the
   * same one.
   */
  queueSentinel: (commandQueue: string) => `${commandQueue}.ring`,
};

/**
 * Maximum number of receipts that wait in a reply queue of REST. Above this, the oldest are dropped; the store still
 * has them.
 */
export const REST_REPLIES_MAX = 10_000;
/** A reply queue of REST without a consumer is deleted after this time, if its connection has not closed before. */
export const REST_REPLIES_EXPIRE_MS = 60_000;

/**
 * The queue in which one REST process receives its receipts. It is exclusive, so that no other connection can read it,
 * and is deleted with its connection. `id` is random, so that only a client that knows it can direct receipts to it.
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

/** Maximum size of the queue of one reader of the live feed. Above this, the oldest copies are dropped. */
export const LIVE_QUEUE_MAX_BYTES = 32 * 1024 * 1024;

/**
 * The queue of one reader of the live feed: exclusive, deleted with its consumer or connection. A full queue drops its
 * oldest copies: if it refused new ones, the broker would refuse them for all readers.
 */
export function liveQueue(namespace: string, id: string): QueueDeclaration {
  return {
    name: `${names.live(namespace)}.${id}`,
    arguments: { 'x-max-length-bytes': LIVE_QUEUE_MAX_BYTES, 'x-overflow': 'drop-head' },
  };
}

/** Maximum size of a gateway's queue of ephemeral messages. Above this, the oldest are dropped. */
export const EPHEMERAL_QUEUE_MAX_BYTES = 4 * 1024 * 1024;

/** The queue in which one gateway receives typing and presence: exclusive, deleted with its connection. */
export function ephemeralQueue(namespace: string, id: string): QueueDeclaration {
  return {
    name: `${names.ephemeral(namespace)}.${id}`,
    arguments: { 'x-max-length-bytes': EPHEMERAL_QUEUE_MAX_BYTES, 'x-overflow': 'drop-head' },
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
      { name: names.live(namespace), type: 'topic' },
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
