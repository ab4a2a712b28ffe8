/**
 * The names and numbers of the realtime protocol. Without a library, so that client libraries can import this file at
 * run time. `client-frames.ts` and `server-frames.ts` have the frames.
 */

/** The path of the WebSocket endpoint. */
export const REALTIME_PATH = '/v1/realtime';
/** The path of the same feed as server-sent events. */
export const STREAM_PATH = '/v1/stream';
/** A client offers it in `Sec-WebSocket-Protocol`. */
export const REALTIME_SUBPROTOCOL = 'parley.v1';

/**
 * Limits of the protocol. Those marked as default are settings of the gateway: a client takes the values of its
 * connection from `hello`.
 */
export const REALTIME_LIMITS = {
  /** Default. Maximum size of a frame of a client, in bytes. */
  frameMaxBytes: 300 * 1024,
  /** Default. The first `auth` must arrive within this time after the connection is open. */
  authTimeoutMs: 5_000,
  /** Default. Commands of a connection per second, on average. */
  commandsPerSecond: 20,
  /** Default. Commands of a connection at once. */
  commandBurst: 60,
  /** Default. Maximum number of chats that are `open` on a connection. */
  openMax: 20,
  /** Default. Maximum number of users in a `watch`. */
  watchMax: 200,
  /** Default. A connection with more pushes that are not acknowledged gets no more content. */
  unackedMax: 256,
  /** Default. The same for the bytes of these pushes. */
  unackedMaxBytes: 1024 * 1024,
  /** The gateway passes on `typing` of a user in a chat at most once in this time. */
  typingIntervalMs: 5_000,
  /** A `typing` with `on` ends by itself after this time. */
  typingTimeoutMs: 8_000,
  /** A user without activity for this time is `away`. */
  awayAfterMs: 5 * 60_000,
  /** The gateway sends at most one `mark` in this time. */
  markIntervalMs: 1_000,
  deviceMaxCharacters: 64,
} as const;

/** What a client does after its connection was closed with a code. */
export type AfterClose =
  /** Connect again after `retryAfterMs` of `bye`, else after a delay of its own (backoff with full jitter). */
  | 'retry'
  /** Get another token first. */
  | 'new_token'
  /** The client is faulty or not allowed. The same would happen again. */
  | 'do_not_retry';

/** Close codes of the WebSocket, and `code` of `bye`. Any other code, such as 1006, means `retry`. */
export const CLOSE_CODES = {
  badFrame: { code: 4400, name: 'bad_frame', after: 'do_not_retry' },
  token: { code: 4401, name: 'token', after: 'new_token' },
  origin: { code: 4403, name: 'origin', after: 'do_not_retry' },
  tooSlow: { code: 4408, name: 'too_slow', after: 'retry' },
  tooLarge: { code: 4413, name: 'too_large', after: 'do_not_retry' },
  rate: { code: 4429, name: 'rate', after: 'retry' },
  restart: { code: 1012, name: 'restart', after: 'retry' },
  overloaded: { code: 1013, name: 'overloaded', after: 'retry' },
} as const satisfies Record<string, { code: number; name: string; after: AfterClose }>;

export type CloseName = (typeof CLOSE_CODES)[keyof typeof CLOSE_CODES]['name'];
export type CloseCode = (typeof CLOSE_CODES)[keyof typeof CLOSE_CODES]['code'];

/** What to do after a connection was closed with this code. `1009` is a frame far above the limit. */
export function afterClose(code: number): AfterClose {
  if (code === 1009) return CLOSE_CODES.tooLarge.after;
  return Object.values(CLOSE_CODES).find((known) => known.code === code)?.after ?? 'retry';
}

/** Why the gateway walks again (`resync`). Later releases may add reasons. */
export const RESYNC_REASONS = [
  /** `since` is not a valid token (any more). */
  'token',
  /** The client did not acknowledge in time, and pushes were dropped. */
  'slow',
  /** The gateway has lost events that it can no longer push one by one. */
  'gap',
  /** The store was restored from a backup. */
  'restored',
  /** Chats were imported. */
  'import',
  /** The policy, the user's claims or the token now show the user other chats. */
  'view',
  /** A chat has changed in a way that its events do not contain: the user joined, or its history became visible. */
  'chat',
  /** Content of the chat was sent as `changed` before: the chat was opened, or is not large any more. */
  'open',
] as const;
export type ResyncReason = (typeof RESYNC_REASONS)[number];

/** Why a command has no receipt. */
export const FAILURE_CODES = {
  /** The command is in progress. Sent again under the same id, it is answered with its receipt. */
  pending: { isFinal: false },
  /** The gateway could not submit it now. Send it again under the same id. */
  unavailable: { isFinal: false },
  /** The same id is waiting for its receipt on this connection. */
  duplicate: { isFinal: false },
  /** The command is too large. It had no effect. */
  too_large: { isFinal: true },
} as const satisfies Record<string, { isFinal: boolean }>;
export type FailureCode = keyof typeof FAILURE_CODES;
