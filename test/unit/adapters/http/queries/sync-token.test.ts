import { expect } from 'chai';
import fc from 'fast-check';
import { Cursors } from '../../../../../src/adapters/apis/http/paging/cursor.js';
import { decodeSyncProgress, encodeSyncProgress } from '../../../../../src/adapters/apis/http/paging/sync-token.js';
import type { SyncProgress } from '../../../../../src/application/queries/sync-chats.js';
import { SYNC_TOKEN_MAX_CHARACTERS } from '../../../../../src/contract/rest/requests.js';

const position = fc.oneof(fc.nat(300), fc.maxSafeNat());
const cuts = fc
  .array(fc.tuple(position, fc.nat(100_000)), { maxLength: 20 })
  .map((rows) => rows.map(([from, by]) => [from, Math.min(Number.MAX_SAFE_INTEGER, from + by)] as const));

describe('A sync token', () => {
  it('decodes to the encoded progress, up to the largest exact position', () => {
    fc.assert(
      fc.property(
        cuts,
        fc.tuple(fc.nat(1_000), fc.nat(5)),
        fc.boolean(),
        fc.option(fc.nat(2 ** 24 - 1)),
        fc.option(fc.record({ chatId: fc.uuid(), nextSequence: fc.option(fc.integer({ min: 1, max: 1e9 })) })),
        (positions, [imports, more], hasFrom, shown, place) => {
          const from = hasFrom ? { positions: positions.map(([first]) => first), imports } : null;
          const to = { positions: positions.map(([, second]) => second), imports: imports + more };
          const progress: SyncProgress = { from, shown, walk: place === null ? null : { to, place } };
          expect(decodeSyncProgress(encodeSyncProgress(progress))).to.deep.equal(progress);
        },
      ),
    );
  });

  it('of another format is invalid', () => {
    const bytes = encodeSyncProgress({ from: null, shown: null, walk: null });
    bytes[0] = 9;
    expect(decodeSyncProgress(bytes)).to.equal(null);
  });

  it('for the maximum number of partitions with a million events each is within its documented length', () => {
    const positions = Array.from({ length: 1_024 }, (_, partition) => 1_000_000 + partition * 1_000);
    const walk = {
      to: { positions: positions.map((each) => each + 10_000), imports: 3 },
      place: { chatId: 'ffffffff-ffff-4fff-bfff-ffffffffffff', nextSequence: 1_000_000 },
    };
    const bytes = encodeSyncProgress({ from: { positions, imports: 2 }, shown: 2 ** 24 - 1, walk });
    const token = new Cursors('secret').seal({ tenantId: 'default', userId: 'alice' }, ['sync'], bytes);
    expect(token.length).to.be.within(5_000, SYNC_TOKEN_MAX_CHARACTERS);
  });
});
