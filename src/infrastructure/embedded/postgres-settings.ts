/**
 * PostgreSQL settings by memory: those that docs/operating.md recommends, and that docker-compose.yml has. PostgreSQL's
 * own defaults are for very small machines.
 */
import { totalmem } from 'node:os';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

/** Below, PostgreSQL's own default is better. Above, the page cache of the system serves as well. */
const SHARED_BUFFERS = { least: 128 * MIB, most: 8 * GIB };
/**
 * Bounds of the write-ahead log between two checkpoints, which takes disk space and time to recover. With much less, a
 * load of 500 commands per second makes checkpoints more often than `checkpoint_timeout` says.
 */
const WAL_SIZE = { least: GIB, most: 16 * GIB };

/**
 * The part of a machine's memory that is for PostgreSQL if the machine also runs the broker, the workers, and the
 * programs of a developer. A start then touches some 2 MB of memory per GB of the machine.
 */
export const SHARE_OF_A_SHARED_MACHINE = 1 / 4;

/**
 * For servers that are built with lz4, which the embedded one is not: halves the whole pages of the write-ahead log
 * almost for free. The other method, pglz, costs too much processor time.
 */
export const WITH_LZ4 = { wal_compression: 'lz4' };

/** @param memory the bytes of the machine's memory that are for PostgreSQL and the page cache of its files */
export function postgresSettings(memory: number): Record<string, string> {
  return {
    shared_buffers: megabytes(memory / 4, SHARED_BUFFERS),
    effective_cache_size: megabytes((memory * 3) / 4),
    max_wal_size: megabytes(memory, WAL_SIZE),
    checkpoint_timeout: '15min',
  };
}

/**
 * Bytes of memory of this machine, or of its container.
 * @param limit the limit of the container. 0, undefined or a huge number: none
 */
export function machineMemory(total = totalmem(), limit: number | undefined = process.constrainedMemory()): number {
  return limit === undefined || limit <= 0 ? total : Math.min(total, limit);
}

function megabytes(bytes: number, { least, most } = { least: MIB, most: Number.POSITIVE_INFINITY }): string {
  return `${Math.floor(Math.min(most, Math.max(least, bytes)) / MIB)}MB`;
}
