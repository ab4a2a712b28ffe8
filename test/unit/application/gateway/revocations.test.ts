import { expect } from 'chai';
import { MemoryTables } from '../../../../src/adapters/stores/memory/memory-tables.js';
import { MemoryTokenRevocations } from '../../../../src/adapters/stores/memory/memory-token-revocations.js';
import {
  REVOCATIONS_RELOAD_EVERY_MS,
  REVOCATIONS_STALE_AFTER_MS,
  RevocationList,
  RevocationVerifier,
} from '../../../../src/application/gateway/revocations.js';
import { TokenKeysUnavailable, type TokenVerifier } from '../../../../src/application/ports/token-verifier.js';
import { realTime } from '../../../../src/application/runtime/time.js';
import { eventually } from '../../../support/eventually.js';

const NOW = Date.parse('2026-11-20T12:00:00.000Z');
const BOB = { tenantId: 'default', userId: 'bob' };
const HOUR_MS = 3_600_000;
const MAX_AGE_MS = 24 * HOUR_MS;
const WITHIN_MS = 5_000;
const at = (ms: number) => new Date(NOW + ms);
const silent = () => undefined;
const logger = { debug: silent, info: silent, warn: silent, error: silent };

/** A list over the in-memory store, which counts the reads of single rows. */
function listWith({ heldMax = 100, maxAgeMs = null as number | null } = {}) {
  let elapsed = 0;
  let reads = 0;
  let isAway = false;
  const stored = new MemoryTokenRevocations(new MemoryTables(), () => NOW);
  const guarded = <A extends unknown[], R>(work: (...given: A) => Promise<R>) => {
    return async (...given: A) => {
      if (isAway) throw new Error('unavailable');
      return work(...given);
    };
  };
  const store = {
    revoke: guarded(stored.revoke.bind(stored)),
    latest: guarded(stored.latest.bind(stored)),
    changedAfter: guarded(stored.changedAfter.bind(stored)),
    forget: guarded(stored.forget.bind(stored)),
    of: guarded((user: typeof BOB) => {
      reads += 1;
      return stored.of(user);
    }),
  };
  const time = { ...realTime, elapsedMs: () => elapsed, now: () => new Date(NOW) };
  const list = new RevocationList({ store, maxAgeMs, logger, time, heldMax });
  return {
    list,
    stored,
    reads: () => reads,
    pass: (ms: number) => {
      elapsed += ms;
    },
    loseStore: () => {
      isAway = true;
    },
  };
}

describe('A list of revocations', () => {
  it('refuses tokens issued before the time, and no later ones, without a read', async () => {
    const { list, stored, reads } = listWith();
    await stored.revoke(BOB, at(-1_000));
    await list.refresh();
    expect(await list.isRevoked(BOB, at(-1_001))).to.equal(true);
    expect(await list.isRevoked(BOB, at(-1_000))).to.equal(false);
    expect(await list.isRevoked({ ...BOB, tenantId: 'acme' }, at(-9_000))).to.equal(false);
    expect(await list.isRevoked({ ...BOB, userId: 'carol' }, null)).to.equal(false);
    expect(reads()).to.equal(0);
  });

  it('refuses a token without a time of issue if its user has a revocation', async () => {
    const { list, stored } = listWith();
    await stored.revoke(BOB, at(-HOUR_MS));
    await list.refresh();
    expect(await list.isRevoked(BOB, null)).to.equal(true);
  });

  it('follows changes', async () => {
    const { list, stored, pass } = listWith();
    await list.refresh();
    expect(await list.isRevoked(BOB, at(-1))).to.equal(false);
    await stored.revoke(BOB, at(0));
    pass(1_000);
    await list.refresh();
    expect(list.isKnownRevoked(BOB, at(-1))).to.equal(true);
  });

  it('reads the row of the user until it has read all, and when it is stale', async () => {
    const { list, stored, pass, reads } = listWith();
    await stored.revoke(BOB, at(0));
    expect(await list.isRevoked(BOB, at(-1))).to.equal(true);
    await list.refresh();
    pass(REVOCATIONS_STALE_AFTER_MS + 1);
    const carol = { ...BOB, userId: 'carol' };
    await stored.revoke(carol, at(0));
    expect(await list.isRevoked(carol, at(-1))).to.equal(true);
    expect(reads()).to.equal(2);
  });

  it('permits nothing while it is stale and the store is unavailable, and still refuses what it knows', async () => {
    const { list, stored, pass, loseStore } = listWith();
    await stored.revoke(BOB, at(0));
    await list.refresh();
    pass(REVOCATIONS_STALE_AFTER_MS + 1);
    loseStore();
    expect(await list.isRevoked(BOB, at(-1))).to.equal(true);
    const failed = await list.isRevoked({ ...BOB, userId: 'carol' }, at(-1)).catch((error: Error) => error.message);
    expect(failed).to.equal('unavailable');
  });

  it('holds the latest in bounded memory, and asks the store about tokens that are older', async () => {
    for (const isLoaded of [true, false]) {
      const { list, stored, pass, reads } = listWith({ heldMax: 3 });
      if (!isLoaded) await list.refresh();
      for (let n = 0; n < 10; n += 1) await stored.revoke({ ...BOB, userId: `u${n}` }, at(-n * 1_000));
      pass(1_000);
      await list.refresh();
      expect(list.count).to.equal(3);
      expect(await list.isRevoked({ ...BOB, userId: 'u2' }, at(-2_001))).to.equal(true);
      expect(await list.isRevoked({ ...BOB, userId: 'other' }, at(-3_000))).to.equal(false);
      expect(reads()).to.equal(0);
      for (let n = 3; n < 10; n += 1)
        expect(await list.isRevoked({ ...BOB, userId: `u${n}` }, at(-n * 1_000 - 1))).to.equal(true);
      expect(await list.isRevoked({ ...BOB, userId: 'other' }, null)).to.equal(false);
      expect(reads()).to.equal(8);
    }
  });

  it('erases revocations that no token can be older than, and reads all anew', async () => {
    const { list, stored, pass } = listWith({ maxAgeMs: MAX_AGE_MS });
    await stored.revoke(BOB, at(-MAX_AGE_MS - 2 * HOUR_MS));
    await stored.revoke({ ...BOB, userId: 'carol' }, at(-MAX_AGE_MS));
    await list.refresh();
    expect(await stored.of(BOB)).to.equal(null);
    expect(list.count).to.equal(1);
    // As a restored store, whose numbers repeat.
    await stored.forget(at(1), 10);
    pass(REVOCATIONS_RELOAD_EVERY_MS);
    await list.refresh();
    expect(list.count).to.equal(0);
  });

  it('follows by itself until it is stopped', async () => {
    const { list, stored } = listWith();
    await stored.revoke(BOB, at(0));
    list.start();
    await eventually(() => list.isKnownRevoked(BOB, at(-1)), { within: WITHIN_MS, what: 'the first read' });
    await list.stop();
  });
});

describe('A verifier that knows revocations', () => {
  const verified: TokenVerifier = {
    verify: async () => ({ ok: true, actor: BOB, claims: {}, issuedAt: at(-HOUR_MS), expiresAt: at(30 * MAX_AGE_MS) }),
  };
  const options = { graceSeconds: 0, now: at(0) };

  it('refuses a revoked token, and one that cannot be checked is not refused for good', async () => {
    const by = (isRevoked: () => Promise<boolean>) => new RevocationVerifier(verified, { isRevoked }, null);
    expect(await by(async () => true).verify('t', options)).to.deep.equal({
      ok: false,
      reason: 'the token was revoked',
    });
    expect(await by(async () => false).verify('t', options)).to.include({ ok: true });
    const failed = await by(() => Promise.reject(new Error('away')))
      .verify('t', options)
      .catch((error) => error);
    expect(failed).to.be.instanceOf(TokenKeysUnavailable);
  });

  it('refuses a token above the maximum age, and says when the others end', async () => {
    const by = (maxAgeMs: number | null, inner = verified) =>
      new RevocationVerifier(inner, { isRevoked: async () => false }, maxAgeMs).verify('t', options);
    expect(await by(HOUR_MS)).to.include({ ok: false });
    expect(await by(HOUR_MS + 1)).to.deep.include({ ok: true, expiresAt: at(1) });
    expect(await by(null)).to.deep.include({ ok: true, expiresAt: at(30 * MAX_AGE_MS) });
    const timeless: TokenVerifier = { verify: async () => ({ ok: true, actor: BOB, claims: {} }) };
    expect(await by(HOUR_MS, timeless)).to.include({ ok: false });
  });
});
