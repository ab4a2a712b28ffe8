/** What the gRPC API needs of the rest of Parley. */
import type { OperationCall } from '../../../application/gateway/operation-call.js';
import type { RestOperationName } from '../../../contract/rest/operations.js';

/** Answers the operations of the contract, as REST does: limits, validation, policy, and problems are those of REST. */
export interface Operations {
  run(operation: RestOperationName, call: OperationCall): Promise<{ status: number; body: unknown }>;
}

export interface GrpcSettings {
  /** Maximum size of a request in bytes. */
  messageMaxBytes: number;
  /** Maximum number of concurrent calls on one connection. */
  callsPerConnectionMax: number;
  /** Maximum number of concurrent calls of this process, streams included. */
  callsMax: number;
  /** Maximum number of concurrent streams of events of one caller in this process. */
  userStreamsMax: number;
  /** Pause between two reads for a stream that has everything. */
  streamPollMs: number;
  /** How long a stopping server waits for calls in progress. */
  drainMs: number;
  /** Whether the metadata `x-user-id` names the caller of `MessageApi`, because a proxy has authenticated them. */
  trustsUserId: boolean;
}
