/** The public API of `@parley-chat/client/realtime`. It needs no library and no Node module. */
export type { CommandOptions, RealtimeCommand } from './command-queue.js';
export type { ConnectionInfo, ConnectionState } from './connection-state.js';
export type { FeedChange, FeedEvent, FeedOwner, FeedStore, StoredFeed } from './feed.js';
export {
  connectRealtime,
  type Presence,
  type RealtimeClient,
  type RealtimeHandlers,
  type RealtimeOptions,
  type TokenNeed,
} from './realtime-client.js';
export { CommandFailed, type CommandFailure, RealtimeError, type RealtimeErrorCode } from './realtime-error.js';
export type { Time } from './time.js';
export type { WebSocketClass, WebSocketLike } from './web-socket.js';
