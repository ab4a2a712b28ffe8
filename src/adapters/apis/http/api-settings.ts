import { BODY_MAX_BYTES } from '../../../contract/messages/commands.js';
import type { TopologySettings } from '../../../contract/messages/topology.js';

/** Settings of the REST API. */
export interface ApiSettings {
  /** `RECEIPT_TIMEOUT`: how long a request waits for its command's receipt. */
  receiptTimeoutMs: number;
  /** `EVENT_RECIPIENTS_MAX`: maximum number of recipients listed in an event. Above this, `recipients` is null. */
  recipientsMax: number;
  /** Time limit of a request, without the wait for a receipt. Above it, the response is `unavailable`. */
  answerTimeLimitMs: number;
  /** The broker's objects, for the AsyncAPI document. */
  topology: TopologySettings;
  /** Maximum numbers of concurrent queries and searches of one caller, per process. Further requests wait. */
  readsAtOnce: number;
  searchesAtOnce: number;
  /** Origins of browser applications that may send requests (CORS), such as `https://chat.example.com`. */
  allowedOrigins: readonly string[];
}

export const API_DEFAULTS: ApiSettings = {
  receiptTimeoutMs: 5_000,
  recipientsMax: 256,
  answerTimeLimitMs: 10_000,
  topology: {
    namespace: 'chat',
    partitions: 8,
    dispatchQueues: [{ name: 'chat.dispatch', bindings: ['#'] }],
    dispatchMaxBytes: 1024 ** 3,
  },
  readsAtOnce: 4,
  searchesAtOnce: 2,
  allowedOrigins: [],
};

/** Maximum bytes that the envelope of a command adds to the body of a request. */
export const ENVELOPE_MAX_BYTES = 1_024;
/** Maximum bytes of a request's body. The resulting command is limited to `BODY_MAX_BYTES`. */
export const REQUEST_BODY_MAX_BYTES = BODY_MAX_BYTES + ENVELOPE_MAX_BYTES;

/** Maximum number of requests of one caller that wait for a slot. Further ones are refused at once. */
export const READS_WAITING_MAX = 64;
export const SEARCHES_WAITING_MAX = 16;
/** `Retry-After` for too many concurrent requests. */
export const SLOT_RETRY_AFTER_SECONDS = 1;
/** `Retry-After` for a query that exceeded its time limit. */
export const SLOW_QUERY_RETRY_AFTER_SECONDS = 5;

/** A connection whose client reads nothing of a response for this long is closed. */
export const WRITE_IDLE_TIMEOUT_MS = 10_000;

/** `Retry-After` while a dependency is unavailable. */
export const UNAVAILABLE_RETRY_AFTER_SECONDS = 1;
