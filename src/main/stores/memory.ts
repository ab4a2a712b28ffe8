import { memoryCapabilities } from '../../adapters/stores/memory/memory-capabilities.js';
import { defineStore } from './store.js';

/** Everything is in this process and is lost when it ends. */
export const memory = defineStore({
  name: 'memory',
  capabilities: memoryCapabilities,
  variables: {},
  address: null,
  open: async (options) => new (await import('./memory-store.js')).MemoryStore(options),
});
