/**
 * A batch in two steps, as a worker does it: what it read stays as it is until it writes. Between the steps a test lets
 * other sessions act.
 */
import { type ReadBatch, readSnapshot } from '../../../../src/adapters/stores/prisma/commands/read-snapshot.js';
import { writeBatch } from '../../../../src/adapters/stores/prisma/commands/write-batch.js';
import { Prisma, type PrismaClient } from '../../../../src/adapters/stores/prisma/generated/client.js';
import { rethrowFromCommit } from '../../../../src/adapters/stores/prisma/store-errors.js';
import type { BatchRequest, ReceiptRecord } from '../../../../src/application/ports/store/command-store.js';
import { NO_KEYS, noWrites } from '../../../conformance/store/fixtures.js';

/** A bug, planted into the text of the statement that writes. */
export type Plant = (text: string) => string;

/** The period that a batch has read is not compared when it writes. */
export const PERIOD_IS_NOT_COMPARED: Plant = (text) => text.replace('AND p.receipt_period = ', 'AND 0 <= ');

export class BatchSteps {
  private readonly request: BatchRequest;
  private found: ReadBatch | null = null;

  /** @param database opened for batches */
  constructor(
    private readonly database: PrismaClient,
    lease: { partition: number; epoch: number },
    private readonly record: ReceiptRecord,
    private readonly plant: Plant = (text) => text,
  ) {
    const { partition, epoch } = lease;
    this.request = {
      leases: [{ partition, epoch, publishedThrough: 0 }],
      keys: { ...NO_KEYS, receipts: [record] },
    };
  }

  /** @returns whether the command is a repeat */
  async read(): Promise<boolean> {
    this.found = await readSnapshot(this.database, this.request);
    if (this.found.snapshot.positions.size !== 1) throw new Error('the lease is lost');
    return this.found.snapshot.receipts.size > 0;
  }

  get hasRead(): boolean {
    return this.found !== null;
  }

  /** Accepts the command. Rejects with `contention` if it must be read again. */
  async write(): Promise<void> {
    if (this.found === null) throw new Error('nothing was read');
    const { found } = this;
    this.found = null;
    const statement = writeBatch(this.request, found, { ...noWrites(), receipts: [this.record] }, { hasSearch: true });
    const planted = new Prisma.Sql(statement.strings.map(this.plant), statement.values);
    await this.database.$queryRaw(planted).catch(rethrowFromCommit);
  }
}
