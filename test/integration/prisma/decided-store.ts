import { expect } from 'chai';
import { PolicyEnforcementPoint } from '../../../src/application/policy/enforcement.js';
import type { PolicyDecisionPoint } from '../../../src/application/ports/policy-decision-point.js';
import { CommandDecider } from '../../../src/application/processing/execution/command-decider.js';
import { snapshotKeysOf } from '../../../src/application/processing/execution/snapshot-keys.js';
import type { ItemResult } from '../../../src/application/snapshot/batch-item.js';
import type { Receipt } from '../../../src/contract/messages/receipts.js';
import { NAMESPACE, PARTITIONS } from '../../conformance/store/fixtures.js';
import { defaultPolicy } from '../../support/policies/default-policy.js';
import { type Draft, itemOf } from '../../unit/application/commands/decider-harness.js';
import { openPrismaStore, type PrismaHarness, prismaStore } from './prisma-harness.js';

const decidingBy = (policy: PolicyDecisionPoint) => new CommandDecider(new PolicyEnforcementPoint(policy));
const byDefault = decidingBy(defaultPolicy());

/** A store, and one partition of it whose owner decides commands as a worker does, without a broker. */
export class DecidedStore {
  now = new Date('2026-11-20T20:15:00.123Z');

  private constructor(
    readonly store: PrismaHarness,
    readonly partition: number,
    private readonly epoch: number,
  ) {}

  /** On a new database, or on one that is there. */
  static async open(url?: string, partition = 1): Promise<DecidedStore> {
    const store = url === undefined ? await openPrismaStore() : prismaStore(url);
    await store.registry.settle({ namespace: NAMESPACE, partitions: PARTITIONS });
    const { epoch } = await store.registry.acquire(partition, 'worker-1');
    return new DecidedStore(store, partition, epoch);
  }

  get url(): string {
    return this.store.url;
  }

  /** One batch, by our own policy unless another is named. */
  async decide(drafts: readonly Draft[], policy?: PolicyDecisionPoint): Promise<ItemResult[]> {
    const decider = policy === undefined ? byDefault : decidingBy(policy);
    const { partition, epoch, now } = this;
    const items = drafts.map((draft, index) => ({ ...itemOf(draft, index), partition }));
    this.now = new Date(now.getTime() + 1_000);
    const request = { leases: [{ partition, epoch, publishedThrough: 0 }], keys: snapshotKeysOf(items) };
    const result = await this.store.commands.transact(request, (snapshot) => decider.decide(items, snapshot, now));
    if (result.outcome !== 'committed') throw new Error(`not committed: ${result.outcome}`);
    return result.value;
  }

  async answer(draft: Draft, policy?: PolicyDecisionPoint): Promise<Receipt> {
    const [result] = await this.decide([draft], policy);
    if (result?.kind !== 'answered') throw new Error(`not answered: ${result?.kind}`);
    return result.receipt;
  }

  /** Batches of one, each accepted. */
  async given(...drafts: Draft[]): Promise<Receipt[]> {
    const receipts: Receipt[] = [];
    for (const draft of drafts) {
      const receipt = await this.answer(draft);
      expect(receipt.status, JSON.stringify(receipt)).to.equal('accepted');
      receipts.push(receipt);
    }
    return receipts;
  }

  close(): Promise<void> {
    return this.store.close();
  }
}
