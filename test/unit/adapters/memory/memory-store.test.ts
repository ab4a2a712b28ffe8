import { memoryCapabilities } from '../../../../src/adapters/stores/memory/memory-capabilities.js';
import { storeConformance } from '../../../conformance/store/store-conformance.js';
import { openMemoryStore } from './memory-harness.js';

describe('the in-memory store', () => {
  storeConformance(memoryCapabilities, openMemoryStore);
});
