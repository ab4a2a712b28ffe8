/** Reads the files of the JSON Lines consumer as one sequence of events for each partition. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Line, type LinesFile, parseName } from './lines-file.js';

/** Lines of a retry, apart from the others because they are out of order. */
export interface MergedLines {
  /** In position order, each event once. */
  lines: Line[];
  retried: Line[];
}

/**
 * By partition; −1 has the imported chats. A line does not count if a higher epoch has begun at or before its position:
 * the owner of the higher epoch delivers from there on, whatever a former owner wrote after it. An incomplete last line
 * does not count either; its event was not taken. The whole folder is held in memory.
 */
export async function readJsonLines(folder: string): Promise<Map<number, MergedLines>> {
  const merged = new Map<number, MergedLines>();
  const files = (await readdir(folder)).flatMap((name) => {
    const file = parseName(name);
    return file === null ? [] : [{ name, ...file }];
  });
  for (const partition of new Set(files.map((file) => file.partition))) {
    const own = files.filter((file) => file.partition === partition).sort((a, b) => b.epoch - a.epoch);
    const read: (LinesFile & { lines: Line[] })[] = [];
    for (const file of own) read.push({ ...file, lines: await linesOf(join(folder, file.name)) });
    merged.set(partition, merge(read));
  }
  return merged;
}

/** @param files by descending epoch */
function merge(files: readonly (LinesFile & { lines: Line[] })[]): MergedLines {
  let lines: Line[] = [];
  let retried: Line[] = [];
  /** Where the epochs above begin. */
  let supersededFrom = Number.POSITIVE_INFINITY;
  for (const epoch of new Set(files.map((file) => file.epoch))) {
    const counts = ({ position }: Line) => position < supersededFrom;
    const of = (isRetry: boolean) =>
      files.filter((file) => file.epoch === epoch && file.isRetry === isRetry).flatMap((file) => file.lines);
    retried = [...of(true).filter(counts), ...retried];
    const own = of(false);
    lines = [...own.filter(counts), ...lines];
    supersededFrom = Math.min(supersededFrom, own[0]?.position ?? supersededFrom);
  }
  const seen = new Set<string>();
  const isFirst = ({ event }: Line) => event !== null && !seen.has(event.id) && seen.add(event.id) !== undefined;
  return { lines: lines.filter(isFirst), retried };
}

async function linesOf(path: string): Promise<Line[]> {
  const complete = (await readFile(path, 'utf8')).split('\n').slice(0, -1);
  return complete.map((line) => JSON.parse(line) as Line);
}
