/**
 * Several people in a few chats, on any store: random commands, decided by the worker's own code and committed
 * partition by partition.
 */
import fc from 'fast-check';
import { PolicyEnforcementPoint } from '../../../../src/application/policy/enforcement.js';
import { StoreError } from '../../../../src/application/ports/store/command-store.js';
import type { TakenPartition } from '../../../../src/application/ports/store/partition-registry.js';
import { CommandDecider } from '../../../../src/application/processing/execution/command-decider.js';
import { snapshotKeysOf } from '../../../../src/application/processing/execution/snapshot-keys.js';
import type { ItemResult } from '../../../../src/application/snapshot/batch-item.js';
import type { StoreHarness } from '../../../conformance/store/store-conformance.js';
import { defaultPolicy } from '../../../support/policies/default-policy.js';
import { type Draft, itemOf } from '../commands/decider-harness.js';
import {
  add,
  archive,
  create,
  edit,
  erase,
  hide,
  NOWHERE,
  react,
  read,
  remove,
  send,
  unarchive,
  unhide,
  unreact,
  update,
  updateMember,
} from '../commands/drafts.js';

export const PEOPLE = ['alice', 'bob', 'carol', 'dave'] as const;
export const CHATS = Array.from({ length: 7 }, (_, index) => `0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d${index}0`);
const NO_LIMIT = 1_000_000;

const acts = {
  ...{ say: 12, edit: 4, erase: 2, remove_message: 2, react: 4, unreact: 1, read: 5, read_all: 1 },
  ...{ create: 3, add: 5, remove: 3, leave: 1, role: 4, title: 1, hide: 4, open: 3, archive: 2, unarchive: 3 },
  ...{ put_away: 3, take_back: 2 },
};
type Act = keyof typeof acts;

/** An intention of a user. Its command depends on the traffic so far. */
export const step = fc.record({
  act: fc.oneof(...Object.entries(acts).map(([act, weight]) => ({ weight, arbitrary: fc.constant(act as Act) }))),
  chat: fc.nat(CHATS.length - 1),
  // The creator of the chats, so that more commands are permitted.
  actor: fc.constantFrom('alice', ...PEOPLE),
  whom: fc.constantFrom(...PEOPLE),
  pick: fc.nat(60),
});
export type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

export class Traffic {
  /** Answers by command type and outcome. */
  readonly outcomes = new Map<string, number>();
  private readonly decider = new CommandDecider(new PolicyEnforcementPoint(defaultPolicy()));
  private readonly said = new Map<string, { messageId: string; senderId: string }[]>();
  private shift = 0;
  private at = Date.parse('2026-11-20T20:15:00.000Z');

  private constructor(
    private readonly store: Pick<StoreHarness, 'commands'>,
    private readonly owners: readonly TakenPartition[],
  ) {}

  static async open(store: Pick<StoreHarness, 'commands' | 'registry'>, partitions: number): Promise<Traffic> {
    await store.registry.settle({ namespace: 'chat', partitions });
    const owners: TakenPartition[] = [];
    for (let partition = 0; partition < partitions; partition += 1)
      owners.push(await store.registry.acquire(partition, 'worker'));
    return new Traffic(store, owners);
  }

  /** Where the chat's commands go. */
  partitionOf({ chat }: Step): number {
    return (chat + this.shift) % this.owners.length;
  }

  /** From now on every chat's commands go to another partition; the store must have forgotten where they went. */
  moveOn(): void {
    this.shift += 1;
  }

  /** One batch for each partition that is concerned. */
  async play(steps: readonly Step[]): Promise<void> {
    for (const { partition } of this.owners)
      await this.batch(
        partition,
        steps.filter((one) => this.partitionOf(one) === partition),
      );
  }

  async batch(partition: number, steps: readonly Step[]): Promise<void> {
    if (steps.length === 0) return;
    const drafts = steps.map((one) => this.draftOf(one));
    for (let results: ItemResult[] | null = null; results === null; ) {
      results = await this.transact(partition, drafts);
      results?.forEach((result, index) => void this.note(drafts[index] as Draft, result));
    }
  }

  /** Null: contention, to be tried again. */
  private async transact(partition: number, drafts: readonly Draft[]): Promise<ItemResult[] | null> {
    const items = drafts.map((draft, index) => ({ ...itemOf(draft, index), partition }));
    const { epoch } = this.owners[partition] as TakenPartition;
    const request = { leases: [{ partition, epoch, publishedThrough: 0 }], keys: snapshotKeysOf(items) };
    this.at += 1;
    try {
      const result = await this.store.commands.transact(request, (attributes) =>
        this.decider.decide(items, attributes, new Date(this.at)),
      );
      if (result.outcome === 'fenced') throw new Error('fenced out');
      return result.value;
    } catch (error) {
      if (error instanceof StoreError && error.kind === 'contention') return null;
      throw error;
    }
  }

  private note({ type, body }: Draft, result: ItemResult): void {
    if (result.kind !== 'answered') throw new Error(`not answered: ${result.kind}`);
    const { receipt } = result;
    const outcome = `${type} ${receipt.reason?.code ?? receipt.status}`;
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
    const { chatId, messageId } = receipt;
    if (type !== 'message.send' || messageId === null || chatId === null) return;
    this.said.set(chatId, [...(this.said.get(chatId) ?? []), { messageId, senderId: body.actorId }]);
  }

  private draftOf({ act, chat, actor, whom, pick }: Step): Draft {
    const chatId = CHATS[chat] as string;
    const said = this.said.get(chatId) ?? [];
    // Mostly about recent messages.
    const { messageId, senderId } = said[Math.max(0, said.length - 1 - (pick % 8))] ?? {
      messageId: NOWHERE,
      senderId: actor,
    };
    const emoji = pick % 2 === 0 ? '👍' : ':party:';
    const role = (['owner', 'admin', 'member', 'reader'] as const)[pick % 4] as string;
    const historyVisibility = pick % 3 === 0 ? 'since-joined' : 'full';
    switch (act) {
      case 'say':
        return send(actor, chatId, `text ${pick}`);
      case 'edit':
        return edit(senderId, chatId, messageId, { body: `other text ${pick}` });
      case 'erase':
        return erase(senderId, chatId, messageId, 'soft');
      case 'remove_message':
        return erase('alice', chatId, messageId, 'hard');
      case 'react':
        return react(actor, chatId, messageId, emoji);
      case 'unreact':
        return unreact(actor, chatId, messageId, emoji);
      case 'read':
        return read(whom, chatId, pick);
      case 'read_all':
        return read(whom, chatId, NO_LIMIT);
      case 'create':
        return create('alice', chatId, [whom, actor], { historyVisibility });
      case 'add':
        return add('alice', chatId, [whom], role);
      case 'remove':
        return remove('alice', chatId, whom);
      case 'leave':
        return remove(whom, chatId, whom);
      case 'role':
        return updateMember('alice', chatId, whom, { role });
      case 'title':
        return update('alice', chatId, { title: `title ${pick}` });
      case 'hide':
        return update('alice', chatId, { historyVisibility: 'since-joined' });
      case 'open':
        return update('alice', chatId, { historyVisibility: 'full' });
      case 'archive':
        return archive('alice', chatId);
      case 'unarchive':
        return unarchive('alice', chatId);
      case 'put_away':
        return hide(whom, chatId);
      case 'take_back':
        return unhide(whom, chatId);
    }
  }
}
