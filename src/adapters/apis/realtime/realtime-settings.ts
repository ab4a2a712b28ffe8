import type { SessionSettings } from '../../../application/realtime/sessions.js';

export interface RealtimeSettings extends SessionSettings {
  /** `permessage-deflate`: some 100 KiB of memory for each connection that uses it. */
  compression: boolean;
  /** Origins of browser applications, as for REST. The server's own origin is always allowed. */
  allowedOrigins: readonly string[];
}

/** How long a client may take to answer the closing of its connection. */
export const CLOSE_TIMEOUT_MS = 3_000;
/**
 * A frame this much above its limit is still read, so that it can be refused with 4413. A larger one ends the
 * connection with 1009.
 */
export const FRAME_MARGIN_BYTES = 64 * 1024;
