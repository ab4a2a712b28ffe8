/** The public API of `@parley-chat/client/realtime`. It needs no library and no Node module. */
export type { ChatRecord, MemberRecord, MessageRecord } from './chat-records.js';
export type { ChatStorage, MessageRange, StorageWrite, StoredChats } from './chat-storage.js';
export { ChatStore, type MessageQuery, type StoreChange } from './chat-store.js';
export type { CommandOptions, RealtimeCommand } from './command-queue.js';
export type { ConnectionInfo, ConnectionState } from './connection-state.js';
export type { FeedChange, FeedEvent, FeedOwner, FeedStore, StoredFeed } from './feed.js';
export { IndexedDbStorage } from './indexed-db-storage.js';
export { MemoryStorage } from './memory-storage.js';
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
