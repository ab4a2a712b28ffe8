/** Why a client is not connected. */
export type RealtimeErrorCode =
  /** The WebSocket could not be opened, or it ended without a reason. */
  | 'unreachable'
  /** The gateway closed the connection: `closeCode` and the text say why. */
  | 'closed_by_gateway'
  /** No `hello` came in `HELLO_TIMEOUT_MS`. */
  | 'hello_timeout'
  /** Nothing was heard for 2.5 times the gateway's `heartbeatMs`. */
  | 'silent'
  /** The `token` callback rejected, or did not answer in `TOKEN_TIMEOUT_MS`. */
  | 'token_unavailable'
  /** The gateway did not accept the token. */
  | 'token_refused'
  /** The gateway sent what is not a frame. */
  | 'bad_frame'
  /** Events were missing, and the gateway did not say so. They come after the reconnect. */
  | 'gap'
  /** The store is slower than the gateway, and too many bytes wait for it. The rest comes after the reconnect. */
  | 'inbox_full'
  /** The store rejected. Nothing of the batch counts as applied. */
  | 'store_failed'
  /** A callback of the program threw. */
  | 'handler_failed'
  /** The token is of another user than the data of this client. */
  | 'other_user'
  /** There is no WebSocket: pass `webSocket`, such as the class of the package `ws`. */
  | 'no_websocket'
  /** A limit of the connection: the call had no effect. */
  | 'limit'
  /** The program closed the client. */
  | 'closed';

export class RealtimeError extends Error {
  /** The close code of the WebSocket, if the gateway has closed it. */
  readonly closeCode: number | null;
  /** Milliseconds that the gateway asks to wait. */
  readonly retryAfterMs: number | null;

  constructor(
    readonly code: RealtimeErrorCode,
    detail: string,
    {
      cause,
      closeCode = null,
      retryAfterMs = null,
    }: { cause?: unknown; closeCode?: number | null; retryAfterMs?: number | null } = {},
  ) {
    super(`${code}: ${detail}`, cause === undefined ? undefined : { cause });
    this.name = 'RealtimeError';
    this.closeCode = closeCode;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Why a command has no receipt. */
export type CommandFailure =
  /** Too many commands, or too many bytes, wait for their receipts. It was not sent. */
  | 'queue_full'
  /** The command is larger than a frame may be. It had no effect. */
  | 'too_large'
  /** A command with this id waits for its receipt. */
  | 'duplicate_id'
  /** No receipt came in `timeoutMs`. */
  | 'timeout'
  /** The client was closed, or has ended. */
  | 'closed';

/** A command has no receipt. A rejected command has one: it is no failure. */
export class CommandFailed extends Error {
  constructor(
    readonly code: CommandFailure,
    readonly commandId: string,
    /** True: the command was sent, so it may take effect. Send it again under its id to find out. */
    readonly mayHaveEffect: boolean,
    options?: { cause?: unknown },
  ) {
    super(`command ${commandId} has no receipt: ${code}`, options);
    this.name = 'CommandFailed';
  }
}
