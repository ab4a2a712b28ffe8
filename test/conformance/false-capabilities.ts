/**
 * Suites that declare capabilities that are not there. Run by false-capabilities.test.ts, which expects their cases to
 * fail.
 */

import { inProcessHarness } from '../unit/adapters/in-process/in-process-harness.js';
import { openMemoryStore } from '../unit/adapters/memory/memory-harness.js';
import { storeConformance } from './store/store-conformance.js';
import { transportConformance } from './transport/transport-conformance.js';

describe('a transport', () =>
  transportConformance({
    ...inProcessHarness,
    capabilities: { durable: true, shared: true, returnsUnroutable: true, refusesWhenFull: true, liveFeed: true },
    open: async (options) => ({ ...(await inProcessHarness.open(options)), live: null }),
  }));

describe('a store', () =>
  storeConformance({ durable: true, shared: true, search: true }, async () => ({
    ...(await openMemoryStore()),
    search: null,
  })));
