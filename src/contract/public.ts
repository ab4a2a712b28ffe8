/** The door of `parley/contract`: what producers, clients and dispatch workers rely on, as schemas and types. */
export * from './asyncapi.js';
export * from './commands.js';
export * from './direct-id.js';
export * from './events.js';
export * from './identifiers.js';
export * from './problems.js';
export * from './receipts.js';
export * from './rest.js';
export * from './rest-operations.js';
export * from './rest-reads.js';
export * from './rest-requests.js';
export * from './text.js';
export * from './topology.js';
