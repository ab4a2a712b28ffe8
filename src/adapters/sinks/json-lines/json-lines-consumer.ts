/**
 * A log consumer for development: it writes every event to files of JSON Lines. There is one file per partition and
 * epoch, so that a relay that resumes behind its successor cannot mix its lines with the successor's.
 */
import { type FileHandle, mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Delivery, DeliveryResult, EventConsumer } from '../../../application/ports/log-consumer.js';
import { type LinesFile, lineOf, nameOf, parseName } from './lines-file.js';

/**
 * `batch`: the events of a delivery are on the disk before they count as taken. `never`: the operating system decides;
 * a crash of the machine can lose lines although the cursor has passed them.
 */
export type FsyncPolicy = 'batch' | 'never';

export interface JsonLinesOptions {
  /** Created if it does not exist. */
  folder: string;
  fsync: FsyncPolicy;
}

const NEWLINE = 0x0a;
/** Bytes that are read at a time when the end of the last complete line is looked for. */
const TAIL_BYTES = 64 * 1024;

export class JsonLinesConsumer implements EventConsumer {
  readonly name = 'json-lines';
  readonly start = 'beginning';
  readonly imports = 'include';
  readonly content = 'cloud-events';
  readonly movesCursor = false;
  /** By file name. */
  private readonly handles = new Map<string, FileHandle>();

  constructor(private readonly options: JsonLinesOptions) {}

  async deliver({ partition, epoch, isRetry, events }: Delivery): Promise<DeliveryResult> {
    const { folder, fsync } = this.options;
    await mkdir(folder, { recursive: true });
    const names = await readdir(folder);
    const epochs = names.map(parseName).filter((file) => file?.partition === partition);
    if (epochs.some((file) => file !== null && file.epoch > epoch)) {
      await this.close(partition);
      return { outcome: 'fenced' };
    }
    const name = nameOf({ partition, epoch, isRetry } satisfies LinesFile);
    try {
      const handle = await this.handleOf(name, partition, epoch);
      const lines = events.map(({ position, event }) => lineOf({ partition, position, epoch, event }));
      await handle.appendFile(lines.join(''));
      if (fsync === 'batch') await handle.datasync();
    } catch (error) {
      // A part of the lines may be written. The next try cuts off an incomplete one and repeats the others.
      await this.drop(name);
      throw error;
    }
    return { outcome: 'taken' };
  }

  /** The files keep what they have: there is nothing to correct. */
  async onOvertaken(): Promise<void> {}

  /** Closes the files of one partition, or all of them. */
  async close(partition?: number): Promise<void> {
    for (const name of [...this.handles.keys()])
      if (partition === undefined || parseName(name)?.partition === partition) await this.drop(name);
  }

  private async handleOf(name: string, partition: number, epoch: number): Promise<FileHandle> {
    const present = this.handles.get(name);
    if (present !== undefined) return present;
    for (const other of [...this.handles.keys()]) {
      const file = parseName(other);
      if (file?.partition === partition && file.epoch < epoch) await this.drop(other);
    }
    const handle = await open(join(this.options.folder, name), 'a+');
    try {
      await cutIncompleteLine(handle);
    } catch (error) {
      await handle.close();
      throw error;
    }
    this.handles.set(name, handle);
    return handle;
  }

  private async drop(name: string): Promise<void> {
    const handle = this.handles.get(name);
    this.handles.delete(name);
    // What could not be written was reported by the write.
    await handle?.close().catch(() => undefined);
  }
}

/** A crash can leave a part of a line at the end. Lines that follow it would be unreadable. */
async function cutIncompleteLine(handle: FileHandle): Promise<void> {
  const { size } = await handle.stat();
  const bytes = Buffer.alloc(TAIL_BYTES);
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - TAIL_BYTES);
    const { bytesRead } = await handle.read(bytes, 0, end - start, start);
    const last = bytes.subarray(0, bytesRead).lastIndexOf(NEWLINE);
    if (last !== -1) {
      if (start + last + 1 < size) await handle.truncate(start + last + 1);
      return;
    }
    end = start;
  }
  if (size > 0) await handle.truncate(0);
}
