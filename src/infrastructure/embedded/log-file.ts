import { closeSync, openSync, readSync, renameSync, statSync } from 'node:fs';

/** One older log is kept beside the current one. */
const MAX_LOG_BYTES = 8 * 1024 * 1024;
const READ_LIMIT_BYTES = 64 * 1024;
const TAIL_BYTES = 4096;

/**
 * Opens a child's log for appending. A large log is renamed first. The caller closes the descriptor when the child has
 * it.
 */
export function openLog(path: string): { descriptor: number; size: number } {
  if (sizeOf(path) > MAX_LOG_BYTES) renameSync(path, `${path}.1`);
  return { size: sizeOf(path), descriptor: openSync(path, 'a', 0o600) };
}

/** What was written after the first `offset` bytes of the log (at most its last 64 KiB). */
export function logSince(path: string, offset: number): string {
  return read(path, Math.max(offset, sizeOf(path) - READ_LIMIT_BYTES));
}

/** The last lines of a log, on one line, for an error message. */
export function logTail(path: string, lines = 5): string {
  const kept = read(path, Math.max(0, sizeOf(path) - TAIL_BYTES))
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return kept.length === 0 ? 'its log is empty' : kept.slice(-lines).join(' | ');
}

function read(path: string, from: number): string {
  const length = sizeOf(path) - from;
  if (length <= 0) return '';
  const buffer = Buffer.alloc(length);
  const file = openSync(path, 'r');
  try {
    return buffer.toString('utf8', 0, readSync(file, buffer, 0, length, from));
  } finally {
    closeSync(file);
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
