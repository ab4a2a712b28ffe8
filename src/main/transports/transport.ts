/** A transport as the roles use it, and how a kind of transport is declared. */
import type { Placement } from '../../adapters/stores/prisma/prisma-store-identity.js';
import type { TransportState } from '../../application/ports/store/transport-state.js';
import type { EphemeralFeed } from '../../application/ports/transport/ephemeral-feed.js';
import type { LiveFeed } from '../../application/ports/transport/live-feed.js';
import type {
  CommandGateway,
  CommandSource,
  DeadLetters,
  EventSink,
  ReceiptSender,
  TransportCapabilities,
} from '../../application/ports/transport/transport.js';
import type { Values, Variables } from '../../infrastructure/config/config.js';
import type { Service } from '../../infrastructure/process/service-runner.js';
import type { ProcessBasics } from '../observability.js';
import type { TopologyValues } from '../settings/topology-settings.js';

export interface Transport {
  source: CommandSource;
  sink: EventSink;
  /** Null: the transport has no live feed (`TransportCapabilities.liveFeed`). */
  live: LiveFeed | null;
  /** Null: the transport has none, and there is no typing and no presence. */
  ephemeral: EphemeralFeed | null;
  receipts: ReceiptSender;
  deadLetters: DeadLetters;
  gateway: CommandGateway;
  health(): { ok: boolean; detail?: string };
  /** Calls the listener whenever the transport can be subscribed to again after a lost connection. */
  onReady(listener: () => void): void;
  /** Waiting commands by partition. */
  queueDepths(): ReadonlyMap<number, number>;
}

export type TransportService = Transport & Service;

export interface TransportOptions<S = unknown> {
  /** The value of the kind's address variable. Empty for a transport without one. */
  address: string;
  settings: S & TopologyValues;
  basics: ProcessBasics;
  store: { transportState: TransportState; identity: { storeId: string } };
  workerId: string;
}

export interface TransportKind<N extends string, V extends Variables> {
  /** The value of `TRANSPORT`. */
  readonly name: N;
  readonly capabilities: TransportCapabilities;
  /** How it assigns chats to partitions. */
  readonly placement: Placement;
  readonly variables: V;
  /** Null: the transport is in this process. */
  readonly address: { readonly variable: string; of(settings: Values<V>): string | undefined } | null;
  open(options: TransportOptions<Values<V>>): Promise<TransportService>;
}

export function defineTransport<const N extends string, const V extends Variables>(
  kind: TransportKind<N, V>,
): TransportKind<N, V> {
  return kind;
}
