/**
 * Replaces broker and worker: decides each command at once with the worker's own code, on the in-memory store. A test
 * may script the answer to the next command, for answers that a worker seldom gives and a client must handle.
 */

import { MemoryCommandStore } from '../../../../src/adapters/stores/memory/memory-command-store.js';
import type { MemoryTables } from '../../../../src/adapters/stores/memory/memory-tables.js';
import { PolicyEnforcementPoint } from '../../../../src/application/policy/enforcement.js';
import type { CommandGateway, OutgoingCommand } from '../../../../src/application/ports/transport/transport.js';
import { CommandDecider } from '../../../../src/application/processing/execution/command-decider.js';
import { snapshotKeysOf } from '../../../../src/application/processing/execution/snapshot-keys.js';
import { decodeCommand } from '../../../../src/contract/messages/decode-command.js';
import { type Reason, type RefusalCode, refusal } from '../../../../src/contract/messages/problems.js';
import type { Receipt } from '../../../../src/contract/messages/receipts.js';
import { defaultPolicy } from '../../../support/policies/default-policy.js';

export const PARTITION = 0;
export const EPOCH = 1;

type Script = (command: OutgoingCommand) => Promise<Receipt | null>;

export class DecidingGateway implements CommandGateway {
  /** Every command that was published, in order. */
  readonly published: OutgoingCommand[] = [];
  readonly waits: number[] = [];
  private readonly store: MemoryCommandStore;
  private readonly decider = new CommandDecider(new PolicyEnforcementPoint(defaultPolicy()));
  private script: Script | null = null;

  constructor(private readonly world: MemoryTables) {
    this.store = new MemoryCommandStore(world);
    const fresh = { owner: 'test', position: 0, publishedThrough: 0, logFloor: 0, logPruned: 0 };
    this.world.partitions.set(PARTITION, { partition: PARTITION, epoch: EPOCH, ...fresh });
  }

  /** The next command is answered by this. */
  onNext(script: Script): void {
    this.script = script;
  }

  /** The next command is refused with this. */
  refuseNext(code: RefusalCode, extra: Partial<Reason> = {}): void {
    this.onNext(async (command) => ({
      ...acceptedReceiptOf(command),
      status: 'rejected',
      reason: { ...refusal(code), ...extra },
    }));
  }

  get last(): OutgoingCommand {
    const last = this.published.at(-1);
    if (last === undefined) throw new Error('nothing was published');
    return last;
  }

  /** The JSON of the command published last. */
  get lastBody(): { tenantId: string; actorId: string; chatId?: string; data: unknown } {
    return JSON.parse(Buffer.from(this.last.body).toString('utf8'));
  }

  async request(command: OutgoingCommand, waitMs: number): Promise<Receipt | null> {
    this.published.push(command);
    this.waits.push(waitMs);
    const { script } = this;
    this.script = null;
    return script === null ? this.decide(command) : script(command);
  }

  async decide(command: OutgoingCommand): Promise<Receipt> {
    const { type, commandId: messageId, routingKey, body, authorization, traceparent, tracestate } = command;
    const incoming = {
      ...{ type, messageId, routingKey, body },
      contentType: 'application/json',
      headers: { authorization, traceparent, tracestate },
    };
    const decoded = decodeCommand(incoming);
    if (decoded.outcome === 'malformed') throw new Error(`REST published what cannot be read: ${decoded.detail}`);
    const items = [
      {
        partition: PARTITION,
        delivery: { tag: 1, incoming, deliveryCount: 0, mayBeMisplaced: false, isForwarded: false },
        decoded,
        unauthenticated: null,
        token: null,
        allowance: null,
      },
    ];
    const lease = { partition: PARTITION, epoch: EPOCH, publishedThrough: 0 };
    const request = { leases: [lease], keys: snapshotKeysOf(items) };
    const result = await this.store.transact(request, (attributes) =>
      this.decider.decide(items, attributes, new Date()),
    );
    const answer = result.outcome === 'committed' ? result.value[0] : undefined;
    if (answer?.kind !== 'answered') throw new Error(`not answered: ${JSON.stringify(result)}`);
    return answer.receipt;
  }
}

export function acceptedReceiptOf({ commandId, type, body }: OutgoingCommand): Receipt {
  const { tenantId, chatId = null } = JSON.parse(Buffer.from(body).toString('utf8'));
  return {
    ...{ commandId, type, status: 'accepted', tenantId, chatId, messageId: null, sequence: null },
    at: new Date().toISOString(),
    decisionId: null,
    replayed: false,
  };
}
