import fc from 'fast-check';
import type { ReceiptRecord } from '../../../../src/application/ports/store/command-store.js';
import { COMMAND_ID_PATTERN, TENANT_ID_PATTERN } from '../../../../src/contract/messages/identifiers.js';
import { refusalCode } from '../../../../src/contract/messages/problems.js';
import type { Receipt } from '../../../../src/contract/messages/receipts.js';

const id = fc.uuid().map((uuid) => uuid.toLowerCase());
const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null, freq: 3 });
const text = fc.string({ unit: 'binary', maxLength: 40 });
const time = fc
  .date({ min: new Date('2000-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
  .map((date) => date.toISOString());

const reason = fc.record(
  {
    code: fc.constantFrom(...refusalCode.options),
    title: text,
    detail: text,
    violations: fc.array(fc.record({ path: text, message: text }), { maxLength: 3 }),
    retryAfter: fc.double({ noNaN: true, noDefaultInfinity: true }),
  },
  { requiredKeys: ['code', 'title'], noNullPrototype: true },
);

/** `USER_ID_PATTERN` without its look-ahead, which fast-check does not know. */
const USER_ID = /^[A-Za-z0-9_-][A-Za-z0-9_@:.+|-]{0,127}$/;
/** The ids of actors and commands are often those of other receipts. */
const commandId = fc.oneof(fc.stringMatching(COMMAND_ID_PATTERN), id, fc.constantFrom('a', 'b'));
const actorId = fc.oneof(fc.stringMatching(USER_ID), fc.constantFrom('alice', 'bob'));
const tenantId = fc.oneof(fc.stringMatching(TENANT_ID_PATTERN), fc.constant('default'));

/** Any receipt that the contract allows, with its fields in the order in which a worker writes them. */
const anyReceipt: fc.Arbitrary<Receipt> = fc
  .record({
    commandId,
    type: fc.oneof({ weight: 3, arbitrary: fc.constantFrom('message.send', 'chat.read', 'chat.create') }, text),
    status: fc.constantFrom('accepted' as const, 'rejected' as const),
    tenantId,
    chatId: orNull(id),
    messageId: orNull(id),
    sequence: orNull(fc.maxSafeNat()),
    at: fc.oneof({ weight: 3, arbitrary: time }, fc.constantFrom('2026-11-20T21:15:00+01:00', '2026-11-20T20:15:00Z')),
    decisionId: orNull(
      fc.oneof(
        { weight: 3, arbitrary: id },
        fc.uuid().map((uuid) => uuid.toUpperCase()),
        text,
      ),
    ),
    replayed: fc.boolean(),
    reason: fc.option(reason, { nil: undefined }),
  })
  .map(({ reason: given, ...receipt }) => (given === undefined ? receipt : { ...receipt, reason: given }));

/** Nearly all receipts of a store. */
const ordinaryReceipt: fc.Arbitrary<Receipt> = fc.record({
  commandId: id,
  type: fc.constant('message.send'),
  status: fc.constant('accepted' as const),
  tenantId,
  chatId: id,
  messageId: id,
  sequence: fc.maxSafeNat(),
  at: time,
  decisionId: id,
  replayed: fc.constant(false),
});

/** Ordinary and any other receipts, as they are handed to a store. */
export const anyRecord: fc.Arbitrary<ReceiptRecord> = fc
  .record({
    receipt: fc.oneof(anyReceipt, ordinaryReceipt),
    actorId,
    contentHash: fc.uuid().map((uuid) => uuid.replaceAll('-', '')),
  })
  .map(({ receipt, ...record }) => {
    const { tenantId: tenant, commandId: command } = receipt;
    return { ...record, receipt, tenantId: tenant, commandId: command, at: new Date(receipt.at) };
  });
