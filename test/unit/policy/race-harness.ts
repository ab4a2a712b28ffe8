/**
 * One partition's queue, its owners and their store, in the hands of a schedule: it decides which pending await ends
 * next. Owners run the worker's own reading, deciding and retrying; the queue gives to the latest owner what was not
 * acknowledged, and an owner that was replaced goes on until it is told.
 */

import type { Scheduler } from 'fast-check';
import { MemoryQuotas } from '../../../src/adapters/quotas/memory-quotas.js';
import { PolicyEnforcementPoint } from '../../../src/application/policy/enforcement.js';
import type { Decision, PolicyDecisionPoint } from '../../../src/application/ports/policy-decision-point.js';
import {
  type BatchRequest,
  type BatchSnapshot,
  type CommandStore,
  StoreError,
} from '../../../src/application/ports/store/command-store.js';
import type { LoggedEvent } from '../../../src/application/ports/store/log/event-log.js';
import type { TokenVerifier } from '../../../src/application/ports/token-verifier.js';
import type { Delivery } from '../../../src/application/ports/transport/transport.js';
import { NO_OBSERVER } from '../../../src/application/ports/worker-observer.js';
import { BatchExecutor } from '../../../src/application/processing/execution/batch-executor.js';
import { type CommandResult, Fenced } from '../../../src/application/processing/execution/batch-transaction.js';
import { CommandDecider } from '../../../src/application/processing/execution/command-decider.js';
import { OutcomeUnknown } from '../../../src/application/processing/execution/retrying-store.js';
import { RateLimiter } from '../../../src/application/processing/rate-limiter.js';
import { readCommands } from '../../../src/application/processing/read-commands.js';
import { realTime } from '../../../src/application/runtime/time.js';
import { identifyCommand } from '../../../src/contract/messages/decode-command.js';
import type { Receipt } from '../../../src/contract/messages/receipts.js';
import type { Member } from '../../../src/domain/chat.js';
import type { StoreHarness } from '../../conformance/store/store-conformance.js';
import { collectedLog } from '../../support/collected-log.js';
import type { Draft } from '../application/commands/decider-harness.js';
import { incomingOf } from '../application/processing/worker-harness.js';

/** A fault put in on purpose. */
export type Plant = 'decisions kept per actor and action' | 'memberships kept from batch to batch';

export interface Step {
  draft: Draft;
  /**
   * What happens to the batch that begins with it: another owner takes over while it is in flight, or the reply to
   * COMMIT is lost.
   */
  mishap: 'taken over' | 'no reply' | null;
  /** How many commands the batch takes that begins with it. */
  batch: number;
}

export interface RaceOptions {
  scheduler: Scheduler;
  store: Pick<StoreHarness, 'commands' | 'registry' | 'log'>;
  partition: number;
  policy: PolicyDecisionPoint;
  steps: readonly Step[];
  plant: Plant | null;
}

export class RaceHarness {
  /** The first answer to each command, by its id. */
  readonly answers = new Map<string, Receipt>();
  private readonly mishaps: (Step['mishap'] | undefined)[];
  private acknowledged = 0;
  private owners = 0;
  private readonly kept = new Map<string, Member>();

  private readonly policy: PolicyDecisionPoint;

  constructor(private readonly options: RaceOptions) {
    this.policy =
      options.plant === 'decisions kept per actor and action' ? cachingPermits(options.policy) : options.policy;
    this.mishaps = options.steps.map(({ mishap }) => mishap);
  }

  /** Resolves when everything is answered and acknowledged, with the partition's log. */
  async run(): Promise<LoggedEvent[]> {
    const { store, partition, scheduler, steps } = this.options;
    const { position } = await store.registry.acquire(partition, 'before');
    await scheduler.waitFor(this.own());
    if (this.acknowledged < steps.length) throw new Error('the queue was left');
    return store.log.readEvents(partition, position, 1_000);
  }

  /**
   * Serves until the queue is empty or another owner is told of; resolves when every owner that it has called forth has
   * ended too.
   */
  private async own(): Promise<void> {
    const { scheduler, store, partition, steps } = this.options;
    this.owners += 1;
    const me = this.owners;
    const successors: Promise<void>[] = [];
    let { epoch } = await scheduler.schedule(store.registry.acquire(partition, `owner-${me}`));
    let next = this.acknowledged;
    while (next < steps.length) {
      const batch = steps.slice(next, next + (steps[next]?.batch ?? 1));
      const mishap = this.mishaps[next] ?? null;
      this.mishaps[next] = null;
      if (mishap === 'taken over') successors.push(this.own());
      try {
        const answers = await this.serve(batch, next, epoch, mishap === 'no reply');
        for (const [id, receipt] of answers) if (!this.answers.has(id)) this.answers.set(id, receipt);
        next += batch.length;
        // A tag of a channel that is gone acknowledges nothing.
        if (me === this.owners) this.acknowledged = next;
      } catch (error) {
        if (error instanceof Fenced) break;
        if (!(error instanceof OutcomeUnknown)) throw error;
        ({ epoch } = await scheduler.schedule(store.registry.acquire(partition, `owner-${me}`)));
      }
    }
    await Promise.all(successors);
    // Fenced by an owner that has ended: the queue delivers the rest to the next consumer.
    if (me === this.owners && this.acknowledged < steps.length) await this.own();
  }

  private async serve(batch: readonly Step[], at: number, epoch: number, losesReply: boolean) {
    const { scheduler, partition } = this.options;
    const verifier: TokenVerifier = {
      verify: (token) =>
        scheduler.schedule(
          Promise.resolve({ ok: true as const, actor: { tenantId: 'default', userId: token }, claims: {} }),
        ),
    };
    const deliveries = batch.map(
      ({ draft }, index): Delivery => ({
        tag: at + index + 1,
        incoming: incomingOf({ ...draft, properties: { headers: { authorization: `Bearer ${draft.body.actorId}` } } }),
        deliveryCount: 0,
        mayBeMisplaced: false,
        isForwarded: false,
      }),
    );
    const reader = { identify: identifyCommand, verifier, tokenGraceSeconds: 0 };
    const limiter = new RateLimiter(new MemoryQuotas([]), realTime);
    const { items } = await readCommands(partition, deliveries, reader, (commands) => limiter.reserve(commands, epoch));
    const { logger } = collectedLog();
    const executor = new BatchExecutor({
      store: this.scheduledStore(losesReply),
      decider: new CommandDecider(new PolicyEnforcementPoint(this.policy)),
      observer: NO_OBSERVER,
      logger,
      time: realTime,
      maxCommandAttempts: 3,
      onStoreTrouble: () => undefined,
    });
    const lease = { partition, epoch, publishedThrough: 0 };
    const results: CommandResult[] = [];
    for await (const executed of executor.execute({ items, lease }, new AbortController().signal))
      results.push(...executed.results);
    return results.map(({ result }): [string, Receipt] => {
      if (result.kind !== 'answered') throw new Error(`not answered: ${result.kind}`);
      return [result.receipt.commandId, result.receipt];
    });
  }

  /** The store with an await before and behind each transaction that the schedule may draw out, and with the plant. */
  private scheduledStore(losesReply: boolean): CommandStore {
    const { scheduler, store, plant } = this.options;
    const { commands } = store;
    let isLost = losesReply;
    return {
      transact: async (asked, decide) => {
        const seen = plant === null ? null : await this.attributesNow(asked);
        await scheduler.schedule(Promise.resolve());
        const result = await commands.transact(asked, (attributes) =>
          decide(seen === null ? attributes : { ...attributes, members: seen.members }),
        );
        await scheduler.schedule(Promise.resolve());
        if (!isLost) return result;
        isLost = false;
        throw new StoreError('unknown', "COMMIT's reply did not come");
      },
      noteSuspects: (...args) => commands.noteSuspects(...args),
      countAttempt: (...args) => commands.countAttempt(...args),
      forgetAttempts: (...args) => commands.forgetAttempts(...args),
      probe: () => commands.probe(),
      pruneReceipts: (...args) => commands.pruneReceipts(...args),
      pruneAttempts: (...args) => commands.pruneAttempts(...args),
      pruneRejectedCommands: (...args) => commands.pruneRejectedCommands(...args),
    };
  }

  private async attributesNow(request: BatchRequest): Promise<BatchSnapshot | null> {
    const now = await this.read(request);
    if (now === null || this.options.plant !== 'memberships kept from batch to batch') return now;
    for (const [key, member] of now.members) if (!this.kept.has(key)) this.kept.set(key, member);
    return { ...now, members: this.kept };
  }

  private async read(request: BatchRequest): Promise<BatchSnapshot | null> {
    let seen: BatchSnapshot | null = null;
    const nothing = new Error('only looking');
    await this.options.store.commands
      .transact(request, (attributes) => {
        seen = attributes;
        throw nothing;
      })
      .catch((error: unknown) => {
        if (error !== nothing && (error as Error).cause !== nothing) throw error;
      });
    return seen;
  }
}

/** A planted bug: permits are cached. */
function cachingPermits(policy: PolicyDecisionPoint): PolicyDecisionPoint {
  const permitted = new Map<string, Decision>();
  return {
    version: policy.version,
    claims: [],
    tokenClaims: [],
    permitsOutsiders: () => false,
    asksFor: () => false,
    decide(attributes) {
      const key = `${attributes.action} ${attributes.actor.userId}`;
      const decision = permitted.get(key) ?? policy.decide(attributes);
      if (decision.effect === 'permit') permitted.set(key, decision);
      return decision;
    },
  };
}
