/** The public API of `@parley-chat/client/contract`: schemas and types for producers, clients and dispatch workers. */
export * from './asyncapi/document.js';
export * from './messages/commands.js';
export * from './messages/direct-chat-id.js';
export * from './messages/events.js';
export * from './messages/identifiers.js';
export * from './messages/problems.js';
export * from './messages/receipts.js';
export * from './messages/text.js';
export * from './messages/topology.js';
export * from './rest/operations.js';
export * from './rest/reads.js';
export * from './rest/requests.js';
export * from './rest/responses.js';
