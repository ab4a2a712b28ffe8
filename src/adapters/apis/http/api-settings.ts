import { BODY_MAX_BYTES } from '../../../contract/messages/commands.js';
import type { TopologySettings } from '../../../contract/messages/topology.js';

/** What an operator may set of the REST side. */
export interface ApiSettings {
  /** `RECEIPT_TIMEOUT`: how long a request waits for its command's receipt. */
  receiptTimeoutMs: number;
  /** `EVENT_RECIPIENTS_MAX`: past it an event's `recipients` is null. */
  recipientsMax: number;
  /** An answer takes no longer than this, beside the time it waits for a receipt; then it is `unavailable`. */
  answerTimeLimitMs: number;
  /** The broker's objects, for the AsyncAPI document. */
  topology: TopologySettings;
  /**
   * Queries and searches of one caller that are answered at a time, each until its answer is sent; more wait. Per
   * process.
   */
  readsAtOnce: number;
  searchesAtOnce: number;
  /** Origins of browser applications that may call (CORS), e.g. `https://chat.example.com`; none by default. */
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

/** What a command's envelope may add to the data that a request's body holds. */
export const ENVELOPE_MAX_BYTES = 1_024;
/** A request's body in bytes. The command it becomes is held to `BODY_MAX_BYTES`. */
export const REQUEST_BODY_MAX_BYTES = BODY_MAX_BYTES + ENVELOPE_MAX_BYTES;

/** Requests of one caller that wait for a slot; further ones are refused at once. */
export const READS_WAITING_MAX = 64;
export const SEARCHES_WAITING_MAX = 16;
/** Suggested to a caller who asks for too much at once. */
export const SLOT_RETRY_AFTER_SECONDS = 1;
/** Suggested to a caller whose query took longer than its time limit. */
export const SLOW_QUERY_RETRY_AFTER_SECONDS = 5;

/** A client that takes nothing of an answer for so long is cut off. */
export const WRITE_IDLE_TIMEOUT_MS = 10_000;

/** Suggested to clients when something we need is away. */
export const UNAVAILABLE_RETRY_AFTER_SECONDS = 1;
