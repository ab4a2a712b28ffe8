/** For a private PostgreSQL while it is loaded: a crash costs the load, nothing else. Stopped and started again without them, it is durable. */
export const LOADING_SETTINGS: Readonly<Record<string, string>> = {
  fsync: 'off',
  full_page_writes: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '8GB',
  checkpoint_timeout: '30min',
  autovacuum: 'off',
};
