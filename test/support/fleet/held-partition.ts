/**
 * Holds a partition's row, as a slow or frozen worker's transaction does: no command of the partition commits until it
 * is released.
 */
import pg from 'pg';

export interface HeldPartition {
  release(): Promise<void>;
}

export async function holdPartition(databaseUrl: string, partition: number): Promise<HeldPartition> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query('BEGIN');
  await client.query('SELECT 1 FROM partitions WHERE partition = $1 FOR UPDATE', [partition]);
  return { release: () => client.end() };
}
