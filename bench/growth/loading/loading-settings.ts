/**
 * Settings of a private PostgreSQL for a bulk load. A crash loses the load and nothing else. After a restart without
 * these settings it is durable.
 */
export const LOADING_SETTINGS: Readonly<Record<string, string>> = {
  fsync: 'off',
  full_page_writes: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '8GB',
  checkpoint_timeout: '30min',
  autovacuum: 'off',
};
