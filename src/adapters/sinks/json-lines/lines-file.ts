/** The files of the JSON Lines consumer: their names and their lines. */
import type { CloudEvent } from '../../../contract/messages/events.js';

export interface LinesFile {
  /** −1: imported chats. */
  partition: number;
  epoch: number;
  /** Parked events that were delivered again. They have a file of their own, because they are out of order. */
  isRetry: boolean;
}

export interface Line {
  partition: number;
  position: number;
  epoch: number;
  event: CloudEvent | null;
}

const NAME = /^(?:p(\d+)|(imports))\.e(\d+)(\.retried)?\.jsonl$/;

/** `p3.e7.jsonl`, `imports.e1.jsonl`, `p3.e7.retried.jsonl`. */
export function nameOf({ partition, epoch, isRetry }: LinesFile): string {
  return `${partition < 0 ? 'imports' : `p${partition}`}.e${epoch}${isRetry ? '.retried' : ''}.jsonl`;
}

/** Null for a file of another kind. */
export function parseName(name: string): LinesFile | null {
  const match = NAME.exec(name);
  if (match === null) return null;
  const [, partition, imports, epoch, retried] = match;
  return {
    partition: imports === undefined ? Number(partition) : -1,
    epoch: Number(epoch),
    isRetry: retried !== undefined,
  };
}

export function lineOf(line: Line): string {
  return `${JSON.stringify(line)}\n`;
}
