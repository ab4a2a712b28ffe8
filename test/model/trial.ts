/** One run of random commands: the model answers each as it is made, the real thing in batches. */
import { expect } from 'chai';
import { BatchDecider } from '../../src/application/batch/decide-batch.js';
import { factKeysOf } from '../../src/application/batch/fact-keys.js';
import { PolicyEnforcementPoint } from '../../src/application/policy/enforcement.js';
import { type ReceiptKey, receiptKey } from '../../src/application/ports/command-store.js';
import type { Receipt } from '../../src/contract/receipts.js';
import type { StoreHarness } from '../adapters/store-conformance.js';
import { messageId } from '../application/drafts.js';
import { expectDistinct, expectDistinctRows, itemOf } from '../application/stage.js';
import { defaultPolicy } from '../support/default-policy.js';
import { commandOf, draftOf, seeds } from './command-of.js';
import type { Intent } from './intents.js';
import { Model } from './model.js';
import { EDIT_WINDOW_MS } from './model-of-messages.js';
import type { ModelAnswer, ModelCommand } from './model-world.js';
import { Observer } from './observer.js';

const PARTITION = 2;
/** One stored receipt in so many is looked up at the end. */
const RECEIPTS_STEP = 5;

export class Trial {
  readonly model = new Model();
  readonly observer: Observer;
  /** How often each answer was given. */
  readonly outcomes = new Map<string, number>();
  /** As they were first given. */
  private readonly receipts = new Map<string, { key: ReceiptKey; receipt: Receipt }>();
  private readonly earlier: ModelCommand[] = [];
  private batch: { command: ModelCommand; expected: ModelAnswer }[] = [];
  private messagesSent = 0;
  private readonly decider = new BatchDecider(
    new PolicyEnforcementPoint(defaultPolicy()),
    () => EDIT_WINDOW_MS,
    () => {
      this.messagesSent += 1;
      return messageId(this.messagesSent);
    },
  );

  private constructor(
    private readonly store: StoreHarness,
    private readonly epoch: number,
  ) {
    this.observer = new Observer(store, this.model.world, PARTITION);
  }

  /** On an empty store. */
  static async of(store: StoreHarness): Promise<Trial> {
    await store.registry.settle({ namespace: 'chat', partitions: PARTITION + 1 });
    const { epoch } = await store.registry.takeOver(PARTITION, 'worker-1');
    const trial = new Trial(store, epoch);
    for (const command of seeds()) trial.take(command);
    await trial.decide();
    return trial;
  }

  async run(intents: readonly Intent[]): Promise<void> {
    const { world } = this.model;
    for (const intent of intents) {
      this.take(commandOf(intent, world, this.earlier));
      if (intent.endsBatch === null) continue;
      await this.decide();
      const { goesByMs, look } = intent.endsBatch;
      await this.observer.look(look);
      world.now = new Date(world.now.getTime() + goesByMs);
    }
    await this.decide();
    await this.observer.lookAtEverything();
    for (const [index, { key, receipt }] of [...this.receipts.values()].entries())
      if (index % RECEIPTS_STEP === 0) expect(await this.store.queries.findReceipt(key)).to.deep.equal(receipt);
  }

  private take(command: ModelCommand): void {
    this.earlier.push(command);
    this.batch.push({ command, expected: this.model.answer(command) });
  }

  private async decide(): Promise<void> {
    const { batch, epoch } = this;
    if (batch.length === 0) return;
    this.batch = [];
    const items = batch.map(({ command }, tag) => itemOf(draftOf(command), tag));
    const keys = factKeysOf(items);
    expectDistinct({ ...keys });
    const settings = { partition: PARTITION, now: this.model.world.now };
    const request = { partition: PARTITION, epoch, keys, publishedThrough: 0 };
    const result = await this.store.commands.transact(request, (facts) => {
      const decided = this.decider.decide(items, facts, settings);
      expectDistinctRows(decided.writes);
      return decided;
    });
    if (result.outcome === 'fenced') throw new Error('fenced out');
    for (const [index, { command, expected }] of batch.entries()) {
      const answered = result.value[index];
      if (answered?.kind !== 'answered') throw new Error(`not answered: ${answered?.kind}`);
      this.judge(command, expected, answered.receipt);
    }
  }

  private judge(command: ModelCommand, expected: ModelAnswer, receipt: Receipt): void {
    const { status, reason, sequence, messageId: id, replayed } = receipt;
    const got: ModelAnswer = { outcome: reason?.code ?? status, sequence, messageId: id, replayed };
    expect(got, `the answer to ${JSON.stringify(command)}`).to.deep.equal(expected);
    const { commandId, tenantId, actorId } = command;
    const key = { commandId, tenantId, actorId };
    const first = this.receipts.get(receiptKey(key));
    if (replayed) expect(receipt).to.deep.equal({ ...first?.receipt, replayed: true });
    else if (got.outcome !== 'conflict' && got.outcome !== 'unauthenticated')
      this.receipts.set(receiptKey(key), { key, receipt });
    const isUnchanged = got.outcome === 'accepted' && sequence === null;
    const what = replayed ? 'replayed' : isUnchanged ? 'unchanged' : got.outcome;
    for (const counted of [what, ...(what === 'accepted' ? [command.type] : [])])
      this.outcomes.set(counted, (this.outcomes.get(counted) ?? 0) + 1);
  }
}
