import { defineStore } from './store.js';

/** Everything is in this process and is lost when it ends. */
export const memory = defineStore({
  name: 'memory',
  capabilities: { durable: false, shared: false, search: true },
  variables: {},
  address: null,
  open: async (options) => new (await import('./memory-store.js')).MemoryStore(options),
});
