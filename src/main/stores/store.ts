/** A store as the roles use it, and how a kind of store is declared. */
import type { Placement } from '../../adapters/stores/prisma/prisma-store-identity.js';
import type { ChatHistory } from '../../application/ports/queries/chat-history.js';
import type { ChatQueries } from '../../application/ports/queries/chat-queries.js';
import type { MessageSearch } from '../../application/ports/queries/message-search.js';
import type { RealtimeReads } from '../../application/ports/queries/realtime-reads.js';
import type { SyncLog } from '../../application/ports/queries/sync-log.js';
import type { ApiKeys } from '../../application/ports/store/api-keys.js';
import type { CommandStore } from '../../application/ports/store/command-store.js';
import type { DecisionLog } from '../../application/ports/store/decision-log.js';
import type { EventCursors } from '../../application/ports/store/log/event-cursors.js';
import type { EventLog } from '../../application/ports/store/log/event-log.js';
import type { FollowedLog } from '../../application/ports/store/log/followed-log.js';
import type { LiveReaders } from '../../application/ports/store/log/live-readers.js';
import type { PartitionRegistry } from '../../application/ports/store/partition-registry.js';
import type { SearchIndex } from '../../application/ports/store/search-index.js';
import type { StoreCapabilities } from '../../application/ports/store/store-capabilities.js';
import type { TokenRevocations } from '../../application/ports/store/token-revocations.js';
import type { TransportState } from '../../application/ports/store/transport-state.js';
import type {
  ConnectedUsers,
  WebhookAdministration,
  WebhookDeliveries,
} from '../../application/ports/store/webhooks.js';
import type { RetrySchedule } from '../../application/webhooks/retry-schedule.js';
import type { Values, Variables } from '../../infrastructure/config/config.js';
import type { Service } from '../../infrastructure/process/service-runner.js';
import type { ProcessBasics } from '../observability.js';
import type { TopologyValues } from '../settings/topology-settings.js';

export interface Store {
  commands: CommandStore;
  queries: ChatQueries;
  history: ChatHistory;
  /** Null: the store has no message search (`StoreCapabilities.search`). */
  search: MessageSearch | null;
  /** For the indexer. Null: the search needs none, or is off. */
  searchIndex: SearchIndex | null;
  /** Called by a worker before it starts. False if live workers have another setting of `SEARCH`. */
  settleSearch(): Promise<boolean>;
  syncLog: SyncLog;
  /** For gateways. */
  realtime: RealtimeReads;
  decisions: DecisionLog;
  registry: PartitionRegistry;
  liveReaders: LiveReaders;
  tokenRevocations: TokenRevocations;
  apiKeys: ApiKeys;
  transportState: TransportState;
  /** Null: the store has no webhooks; commands about them are stored, and nothing is delivered. */
  webhooks: StoredWebhooks | null;
  /** For publishing. */
  log: EventLog;
  /** For REST queries. */
  recipients: Pick<EventLog, 'recipients'>;
  /** For relays: cursors of log consumers, the log as they read it, and the current members of its chats. */
  cursors: EventCursors;
  followed: FollowedLog;
  relayed: Pick<EventLog, 'recipients'>;
  /** Read at the start, so that a role can use it while the store is unavailable. */
  identity: StoreIdentity;
}

export interface StoredWebhooks {
  administration: WebhookAdministration;
  /** For relays. */
  deliveries(schedule: RetrySchedule): WebhookDeliveries;
  /** Gateways record it, relays read it. */
  connected: ConnectedUsers;
}

export interface StoreIdentity {
  storeId: string;
  cursorSecret: string;
}

/** The assignment of stored chats to partitions, by the transport that the store was used with last. */
export interface StoredPlacement {
  /** Whether the chats were assigned by another transport than the current one. */
  isOfOtherTransport(): Promise<boolean>;
  /** Clears the assignments. Allowed only while no worker runs and everything committed is published. */
  clear(): Promise<void>;
}

export interface StoreService extends Store, Service {
  /** Null: the store is empty at each start. */
  storedPlacement: StoredPlacement | null;
}

export interface StoreOptions<S = unknown> {
  /** The value of the kind's address variable. Empty for a store without one. */
  address: string;
  settings: S & Pick<TopologyValues, 'namespace' | 'partitions'>;
  basics: ProcessBasics;
  /** How the transport assigns chats to partitions. */
  placement: Placement;
  /** Start although another transport has assigned the chats. The caller then clears the assignments. */
  acceptsOtherPlacement?: boolean;
}

export interface StoreKind<N extends string, V extends Variables> {
  /** The value of `STORE`. */
  readonly name: N;
  readonly capabilities: StoreCapabilities;
  readonly variables: V;
  /** Null: the store is in this process. */
  readonly address: { readonly variable: string; of(settings: Values<V>): string | undefined } | null;
  /** Creates the tables, or brings them up to date. */
  migrate?(address: string): Promise<void>;
  open(options: StoreOptions<Values<V>>): Promise<StoreService>;
}

export function defineStore<const N extends string, const V extends Variables>(kind: StoreKind<N, V>): StoreKind<N, V> {
  return kind;
}
