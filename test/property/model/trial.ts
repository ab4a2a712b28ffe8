/**
 * One run of random commands: the model answers each command when it is created, the real implementation in batches of
 * one partition each.
 */
import { expect } from 'chai';
import { PolicyEnforcementPoint } from '../../../src/application/policy/enforcement.js';
import { type ReceiptKey, receiptKey } from '../../../src/application/ports/store/command-store.js';
import { CommandDecider } from '../../../src/application/processing/execution/command-decider.js';
import { snapshotKeysOf } from '../../../src/application/processing/execution/snapshot-keys.js';
import type { BatchItem, ItemResult } from '../../../src/application/snapshot/batch-item.js';
import type { Receipt } from '../../../src/contract/messages/receipts.js';
import { DEFAULT_LIMITS } from '../../../src/domain/limits.js';
import type { StoreHarness } from '../../conformance/store/store-conformance.js';
import { policyTrusting } from '../../support/policies/default-policy.js';
import { expectDistinct, expectDistinctRows, itemOf } from '../../unit/application/commands/decider-harness.js';
import { messageId } from '../../unit/application/commands/drafts.js';
import { commandOf, draftOf, seeds } from './command-of.js';
import { Devices } from './devices.js';
import type { Intent } from './intents.js';
import { Model, PARTITIONS } from './model.js';
import { USER_CHATS_MAX } from './model-of-chats.js';
import { EDIT_WINDOW_MS } from './model-of-messages.js';
import type { ModelAnswer, ModelCommand, ModelWorld } from './model-world.js';
import { Observer } from './observer.js';

/** One in this many stored receipts is compared at the end. */
const RECEIPTS_STEP = 10;
/** More than exist. */
const PRUNED_AT_MOST = 10_000;

type Prune = NonNullable<NonNullable<Intent['endsBatch']>['prune']>;

export class Trial {
  readonly observer: Observer;
  readonly devices: Devices;
  /** The number of each outcome. */
  readonly outcomes = new Map<string, number>();
  /** The epoch of each partition. */
  private readonly epochs: number[] = [];
  /** The published position of each partition. */
  private readonly published: number[] = [];
  /** The intentions that wait in each partition. A command is created when it is decided, by the state at that time. */
  private readonly waiting: (() => ModelCommand)[][] = Array.from({ length: PARTITIONS }, () => []);
  /** The first receipts. */
  private readonly receipts = new Map<string, { key: ReceiptKey; receipt: Receipt }>();
  private readonly earlier: ModelCommand[] = [];
  private messagesSent: number;
  private readonly decider = new CommandDecider(
    new PolicyEnforcementPoint(policyTrusting('known-producer')),
    () => EDIT_WINDOW_MS,
    { ...DEFAULT_LIMITS, userChatsMax: USER_CHATS_MAX },
    () => {
      this.messagesSent += 1;
      return messageId(this.messagesSent);
    },
  );

  private constructor(
    private readonly store: StoreHarness,
    private readonly model: Model,
  ) {
    this.messagesSent = model.world.messagesSent;
    this.observer = new Observer(store, model.world);
    this.devices = new Devices(store, model.world);
  }

  get world(): ModelWorld {
    return this.model.world;
  }

  /** Runs on a store with the same content as the model: empty, unless chats were moved there. */
  static async on(store: StoreHarness, model = new Model()): Promise<Trial> {
    await store.registry.settle({ namespace: 'chat', partitions: PARTITIONS });
    const trial = new Trial(store, model);
    for (let partition = 0; partition < PARTITIONS; partition += 1) await trial.takeOver(partition);
    return trial;
  }

  async begin(): Promise<void> {
    for (const command of seeds()) this.waiting[this.model.homeOf(command)]?.push(() => command);
    await this.decideAll();
  }

  async run(intents: readonly Intent[]): Promise<void> {
    const { world, model, waiting } = this;
    for (const intent of intents) {
      const make = () => commandOf(intent, world, this.earlier);
      const partition = (model.homeOf(make()) + (intent.misplaced ?? 0)) % PARTITIONS;
      waiting[partition]?.push(make);
      if (intent.endsBatch === null) continue;
      const { isTakenOver, look, sync, prune, goesByMs } = intent.endsBatch;
      await this.decide(partition, isTakenOver);
      if (prune !== null) await this.prune(partition, prune);
      if (look !== null) await this.observer.look(look);
      if (sync !== null) await this.devices.sync(sync);
      world.now = new Date(world.now.getTime() + goesByMs);
    }
    await this.decideAll();
    await this.observer.lookAtEverything();
    await this.devices.allCatchUp();
    for (const [index, { key, receipt }] of [...this.receipts.values()].entries())
      if (index % RECEIPTS_STEP === 0)
        expect((await this.store.queries.findReceipt(key))?.receipt).to.deep.equal(receipt);
  }

  private async takeOver(partition: number): Promise<void> {
    const { epoch, position } = await this.store.registry.acquire(partition, `worker-${this.epochs[partition] ?? 0}`);
    expect(position, 'the last position in use').to.equal(this.world.logOf(partition).length);
    this.epochs[partition] = epoch;
  }

  private async prune(partition: number, { unpublished, olderThanMs }: Prune): Promise<void> {
    const { world, store, epochs, published } = this;
    const through = Math.max(published[partition] ?? 0, world.logOf(partition).length - unpublished);
    published[partition] = through;
    await store.registry.savePublished(partition, epochs[partition] as number, through);
    const before = new Date(world.now.getTime() - olderThanMs);
    const pruned = await store.commands.pruneRejectedCommands(partition, before, PRUNED_AT_MOST);
    expect(pruned, 'rejected commands that are pruned').to.equal(world.prune(partition, through, before));
    if (pruned > 0) this.count('pruned');
  }

  private async decideAll(): Promise<void> {
    for (let partition = 0; partition < PARTITIONS; partition += 1) await this.decide(partition, false);
  }

  private async decide(partition: number, isTakenOver: boolean): Promise<void> {
    const { world, model, epochs } = this;
    const formerEpoch = epochs[partition] as number;
    if (isTakenOver) await this.takeOver(partition);
    world.partition = partition;
    const batch = (this.waiting[partition] ?? []).splice(0).map((make) => {
      const command = make();
      this.earlier.push(command);
      return { command, expected: model.answer(command) };
    });
    if (batch.length === 0) return;
    const items = batch.map(({ command }, tag) => ({ ...itemOf(draftOf(command), tag), partition }));
    // If the first attempt had an effect, these commands would be replays.
    if (isTakenOver) {
      expect(await this.transact(items, partition, formerEpoch), 'a former owner').to.equal('fenced');
      this.count('fenced');
    }
    const results = await this.transact(items, partition, epochs[partition] as number);
    if (results === 'fenced') throw new Error('the owner is fenced');
    for (const [index, { command, expected }] of batch.entries())
      this.compare(command, expected, results[index] as ItemResult);
  }

  private async transact(items: BatchItem[], partition: number, epoch: number): Promise<ItemResult[] | 'fenced'> {
    const keys = snapshotKeysOf(items);
    expectDistinct({ ...keys });
    const request = { leases: [{ partition, epoch, publishedThrough: 0 }], keys };
    const result = await this.store.commands.transact(request, (snapshot) => {
      const decided = this.decider.decide(items, snapshot, this.world.now);
      expectDistinctRows(decided.writes);
      return decided;
    });
    return result.outcome === 'fenced' ? 'fenced' : result.value;
  }

  private compare(command: ModelCommand, expected: ModelAnswer, result: ItemResult): void {
    const got = answerOf(result);
    expect(got, `the answer to ${JSON.stringify(command)}`).to.deep.equal(expected);
    if (result.kind === 'answered') this.keep(command, result.receipt, got);
    else this.count('misrouted');
  }

  private keep(command: ModelCommand, receipt: Receipt, got: ModelAnswer): void {
    const { commandId, tenantId, actorId } = command;
    const key = { commandId, tenantId, actorId };
    const first = this.receipts.get(receiptKey(key));
    if (got.replayed) expect(receipt).to.deep.equal({ ...first?.receipt, replayed: true });
    else if (got.outcome !== 'conflict' && got.outcome !== 'unauthenticated')
      this.receipts.set(receiptKey(key), { key, receipt });
    const isUnchanged = got.outcome === 'accepted' && got.sequence === null;
    const what = got.replayed ? 'replayed' : isUnchanged ? 'unchanged' : got.outcome;
    this.count(what);
    if (what === 'accepted') this.count(command.type);
  }

  private count(outcome: string): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
  }
}

function answerOf(result: ItemResult): ModelAnswer {
  if (result.kind === 'reroute') throw new Error('rerouted, though the ring is settled');
  if (result.kind === 'misrouted')
    return { outcome: `misrouted to ${result.home}`, sequence: null, messageId: null, replayed: false };
  const { status, reason, sequence, messageId: id, replayed } = result.receipt;
  return { outcome: reason?.code ?? status, sequence, messageId: id, replayed };
}
