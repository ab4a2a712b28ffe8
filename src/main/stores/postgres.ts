import { prismaCapabilities } from '../../adapters/stores/prisma/prisma-capabilities.js';
import { variable } from '../../infrastructure/config/config.js';
import { integer, oneOf, url } from '../../infrastructure/config/config-values.js';
import { defineStore } from './store.js';

export const postgres = defineStore({
  name: 'postgres',
  capabilities: prismaCapabilities,
  variables: {
    databaseUrl: variable({
      name: 'DATABASE_URL',
      parse: url('postgresql', 'postgres'),
      describe: 'PostgreSQL connection URL. If unset: dev starts a private server in DATA_DIR',
    }),
    databaseReadPool: variable({
      name: 'DATABASE_READ_POOL',
      parse: integer({ min: 2, max: 200 }),
      default: '8',
      describe: 'Maximum database connections of one process for REST queries',
    }),
    databaseSearchPool: variable({
      name: 'DATABASE_SEARCH_POOL',
      parse: integer({ min: 2, max: 200 }),
      default: '4',
      describe: 'Maximum database connections of one process for REST searches',
    }),
    databaseBatchPool: variable({
      name: 'DATABASE_BATCH_POOL',
      parse: integer({ min: 2, max: 200 }),
      default: '12',
      describe: 'Maximum database connections of one worker for batches and for reading the events to publish',
    }),
    databaseLeasePool: variable({
      name: 'DATABASE_LEASE_POOL',
      parse: integer({ min: 2, max: 200 }),
      default: '2',
      describe: 'Maximum database connections of one process for heartbeats, partition leases and its health check',
    }),
    databaseRelayPool: variable({
      name: 'DATABASE_RELAY_POOL',
      parse: integer({ min: 2, max: 200 }),
      default: '4',
      describe:
        'Maximum database connections of one process for log consumers: their cursors, the log, the search index',
    }),
    search: variable({
      name: 'SEARCH',
      parse: oneOf('on', 'indexer', 'off'),
      default: 'on',
      describe:
        'Message search, the same for all processes: on fills the search index in the workers, indexer only in processes with the role indexer, off writes nothing for it and removes it',
    }),
  },
  address: { variable: 'DATABASE_URL', of: ({ databaseUrl }) => databaseUrl },
  migrate: async (databaseUrl) => void (await (await import('./migrate-database.js')).migrateDatabase(databaseUrl)),
  open: async (options) => new (await import('./postgres-store.js')).PostgresStore(options),
});
