import type { TransportState } from '../store/transport-state.js';

export interface CommandQueueState {
  queue: string;
  /** Waiting messages, without unacknowledged ones. */
  messages: number;
  /** Active and waiting consumers. */
  consumers: number;
}

/** A partition; `nowhere`: no queue is bound for the key; `unanswered`: no worker has answered in time. */
export type KeyPlacement = number | 'nowhere' | 'unanswered';

/** The objects of a namespace at the broker, for operators. */
export interface BrokerTopology {
  /** The store that the namespace belongs to. `ours`: it had no store and belongs to this store now. */
  holder(storeId: string): Promise<{ kind: 'ours' } | { kind: 'other'; storeId: string }>;
  /** Like `holder`, but rejects if the namespace belongs to another store. */
  claim(storeId: string): Promise<void>;
  /** Takes the namespace from its current store. Queues and their messages do not change. */
  adopt(storeId: string): Promise<void>;
  /** The existing command queues. */
  commandQueues(): Promise<CommandQueueState[]>;
  /** To which partition the commands with each key are routed. Needs a worker at each partition. */
  partitionsOf(keys: readonly string[]): Promise<Map<string, KeyPlacement>>;
  /**
   * Declares missing objects under the lock of `TransportState`. `repairsRouting`: binds the command queues again in
   * any case.
   */
  declare(state: TransportState, options: { repairsRouting: boolean }): Promise<void>;
  /** Removes bindings of a dispatch queue. Returns the number of events that the queue keeps. */
  unbind(queue: string, bindings: readonly string[]): Promise<number>;
  hasQueue(queue: string): Promise<boolean>;
}
