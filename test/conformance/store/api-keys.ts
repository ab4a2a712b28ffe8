import { expect } from 'chai';
import { v7 } from 'uuid';
import type { StoredApiKey } from '../../../src/application/ports/store/api-keys.js';
import type { OpenStore, StoreHarness } from './store-conformance.js';

const BOT = { tenantId: 'default', userId: 'bot' };
const keyOf = (over: Partial<StoredApiKey> = {}): StoredApiKey => ({
  ...{ ...BOT, keyId: v7(), label: 'a "label"', scopes: ['read', 'write'], createdBy: 'console' },
  ...{
    createdAt: new Date('2026-01-01T00:00:00.000Z'),
    expiresAt: null,
    hash: Uint8Array.from({ length: 32 }, (_, n) => n),
  },
  ...over,
});

export function apiKeysConformance(open: OpenStore): void {
  describe('as store of API keys', () => {
    let store: StoreHarness;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(() => store.close());

    it('lists the keys of a user by age, without their hashes, and finds them by id', async () => {
      const late = keyOf({
        createdAt: new Date('2026-02-01T00:00:00.000Z'),
        expiresAt: new Date('2027-01-01T00:00:00.000Z'),
      });
      const early = keyOf();
      for (const key of [late, early, keyOf({ userId: 'other' }), keyOf({ tenantId: 'acme' })])
        expect(await store.apiKeys.add(key, 10)).to.equal(true);
      const withoutHash = ({ hash: _, ...key }: StoredApiKey) => key;
      expect(await store.apiKeys.list(BOT)).to.deep.equal([withoutHash(early), withoutHash(late)]);
      const [found] = await store.apiKeys.find([late.keyId, v7()]);
      expect(found && { ...found, hash: Uint8Array.from(found.hash) }).to.deep.equal(late);
    });

    it('adds none above the limit', async () => {
      expect(await store.apiKeys.add(keyOf(), 2)).to.equal(true);
      expect(await store.apiKeys.add(keyOf(), 2)).to.equal(true);
      expect(await store.apiKeys.add(keyOf(), 2)).to.equal(false);
      expect(await store.apiKeys.add(keyOf({ userId: 'other' }), 2)).to.equal(true);
    });

    it('removes a key of its user alone', async () => {
      const key = keyOf();
      await store.apiKeys.add(key, 2);
      expect(await store.apiKeys.remove({ tenantId: 'default', userId: 'other' }, key.keyId)).to.equal(null);
      expect(await store.apiKeys.remove({ tenantId: 'acme', userId: 'bot' }, key.keyId)).to.equal(null);
      expect(await store.apiKeys.remove(BOT, key.keyId)).to.include({ keyId: key.keyId, label: 'a "label"' });
      expect(await store.apiKeys.remove(BOT, key.keyId)).to.equal(null);
      expect(await store.apiKeys.find([key.keyId])).to.deep.equal([]);
    });
  });
}
