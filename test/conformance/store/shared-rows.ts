import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { receiptKey, userKey } from '../../../src/application/ports/store/command-store.js';
import { aChat, aReceipt, aReceiptRecord, aUser, failsAs, later, Owner, revised } from './fixtures.js';
import type { OpenStore, StoreHarness } from './store-conformance.js';

/** Of the pruning: more than any store needs to delete what is old. */
const CALLS = 5;

/** What a command store keeps beyond one partition's chats. */
export function sharedRowsConformance(open: OpenStore): void {
  describe('as command store, across partitions', () => {
    let store: StoreHarness;
    let owner: Owner;
    before(async () => {
      store = await open();
    });
    beforeEach(async () => {
      owner = await Owner.of(store);
    });
    after(() => store.close());

    describe('rows that partitions share', () => {
      let other: Owner;
      beforeEach(async () => {
        other = await Owner.of(store, 1);
      });

      it('a chat id that was taken meanwhile is contention, and the batch has no effect', async () => {
        const chat = aChat();
        const record = aReceiptRecord();
        await other.write(() => ({ chatsCreated: [{ ...chat, partition: 1 }] }));
        await failsAs(
          owner.write(() => ({ chatsCreated: [chat], receipts: [record] })),
          'contention',
        );
        const snapshot = await owner.read({ chats: [chat.chatId], receipts: [record] });
        expect(snapshot.chats.get(chat.chatId)?.partition).to.equal(1);
        expect(snapshot.receipts.size).to.equal(0);
      });

      it('all partitions add to chat counts of users, separately per tenant', async () => {
        const user = { tenantId: 'default', userId: `u-${randomUUID()}` };
        const elsewhere = { ...user, tenantId: 'acme' };
        const change = (created: number, joined: number, whose = user) => ({ ...whose, created, joined });
        const write = (by: Owner, ...changes: ReturnType<typeof change>[]) =>
          by.write(() => ({ userChats: { changes, max: 10 } }));
        expect((await owner.read({ userChats: [user, elsewhere] })).userChats.size).to.equal(0);
        await write(owner, change(2, 0), change(0, 3, elsewhere));
        await write(other, change(1, 4));
        await write(owner, change(-1, 2));
        const { userChats } = await owner.read({ userChats: [user, elsewhere, { ...user, userId: randomUUID() }] });
        expect([...userChats]).to.have.deep.members([
          [userKey(user), { created: 2, joined: 6 }],
          [userKey(elsewhere), { created: 0, joined: 3 }],
        ]);
      });

      it('a chat count that reached the limit meanwhile is contention, and the batch has no effect', async () => {
        const [full, free] = ['a', 'b'].map((name) => ({ tenantId: 'default', userId: `${name}-${randomUUID()}` }));
        if (full === undefined || free === undefined) throw new Error('two users');
        const max = 3;
        await other.write(() => ({
          userChats: {
            changes: [
              { ...full, created: 3, joined: 2 },
              { ...free, created: 0, joined: 2 },
            ],
            max,
          },
        }));
        const record = aReceiptRecord();
        for (const by of [
          { created: 1, joined: 0 },
          { created: -1, joined: 2 },
        ])
          await failsAs(
            owner.write(() => ({
              userChats: {
                changes: [
                  { ...free, created: 1, joined: 1 },
                  { ...full, ...by },
                ],
                max,
              },
              receipts: [record],
            })),
            'contention',
          );
        const { userChats, receipts } = await owner.read({ userChats: [full, free], receipts: [record] });
        expect(receipts.size).to.equal(0);
        expect(userChats.get(userKey(free))).to.deep.equal({ created: 0, joined: 2 });
        // A count above the limit may decrease: limits can be lowered, and imported data is counted.
        await owner.write(() => ({
          userChats: {
            changes: [
              { ...full, created: -1, joined: 1 },
              { ...free, created: 0, joined: -1 },
            ],
            max: 1 + 2,
          },
        }));
        await owner.write(() => ({ userChats: { changes: [{ ...full, created: -1, joined: 0 }], max: 0 } }));
        expect((await owner.read({ userChats: [full] })).userChats.get(userKey(full))).to.deep.equal({
          created: 1,
          joined: 3,
        });
      });

      it('a command id that was answered meanwhile is contention, and the batch has no effect', async () => {
        const record = aReceiptRecord();
        const chat = aChat();
        await other.write(() => ({ receipts: [record] }));
        const write = owner.write(() => ({
          chatsCreated: [chat],
          receipts: [aReceiptRecord(), { ...record, receipt: aReceipt({ commandId: record.commandId, sequence: 7 }) }],
        }));
        await failsAs(write, 'contention');
        const snapshot = await owner.read({ chats: [chat.chatId], receipts: [record] });
        expect(snapshot.receipts.get(receiptKey(record))?.receipt).to.deep.equal(record.receipt);
        expect(snapshot.chats.size).to.equal(0);
      });

      it('the same command id of another actor or tenant is another command', async () => {
        const record = aReceiptRecord();
        const others = [record, { ...record, actorId: 'bob' }, { ...record, tenantId: 'other' }];
        await owner.write(() => ({ receipts: others }));
        expect((await owner.read({ receipts: others })).receipts.size).to.equal(3);
      });

      it('a profile is written completely, revision by revision', async () => {
        const first = aUser(`u-${randomUUID()}`, { metadata: { a: 1 } });
        const second = {
          ...first,
          displayName: 'B',
          kind: 'bot' as const,
          metadata: {},
          presence: 'hidden' as const,
          revision: 2,
          updatedAt: later(1),
        };
        await owner.write(() => ({ users: [revised(first)] }));
        await other.write(() => ({ users: [revised(second)] }));
        expect((await owner.read({ users: [first] })).users.get(userKey(first))).to.deep.equal(second);
      });

      it('a profile may be raised by several revisions in one batch', async () => {
        const first = aUser(`u-${randomUUID()}`, { revision: 2 });
        const fourth = { ...first, displayName: 'D', revision: 4 };
        await owner.write(() => ({ users: [{ user: first, previousRevision: 0 }] }));
        await other.write(() => ({ users: [{ user: fourth, previousRevision: 2 }] }));
        expect((await owner.read({ users: [first] })).users.get(userKey(first))).to.deep.equal(fourth);
      });

      it('a profile revision that was written meanwhile is contention, and the batch has no effect', async () => {
        const first = aUser(`u-${randomUUID()}`);
        const second = { ...first, displayName: 'B', revision: 2 };
        const fresh = aUser(`u-${randomUUID()}`);
        await other.write(() => ({ users: [revised(first)] }));
        await failsAs(
          owner.write(() => ({ users: [revised(fresh), revised(first)] })),
          'contention',
        );
        await other.write(() => ({ users: [revised(second)] }));
        await failsAs(
          owner.write(() => ({ users: [revised(fresh), revised({ ...second, displayName: 'C' })] })),
          'contention',
        );
        const { users } = await owner.read({ users: [first, fresh] });
        expect([...users.values()]).to.deep.equal([second]);
      });
    });

    describe('attempts at a command that is tried alone', () => {
      it('are counted for each command of each partition until they are deleted', async () => {
        const { commands } = store;
        const key = `default alice ${randomUUID()}`;
        expect(await commands.countAttempt(0, key)).to.equal(1);
        expect(await commands.countAttempt(0, key)).to.equal(2);
        expect(await commands.countAttempt(1, key)).to.equal(1);
        expect(await commands.countAttempt(0, `${key}x`)).to.equal(1);
        await commands.forgetAttempts(0, [key]);
        expect(await commands.countAttempt(0, key)).to.equal(1);
        expect(await commands.countAttempt(1, key)).to.equal(2);
      });

      it('are returned when suspects are recorded, and then nothing is recorded', async () => {
        const { commands } = store;
        const [first, second, third, fourth] = [1, 2, 3, 4].map(() => `default alice ${randomUUID()}`) as [
          string,
          string,
          string,
          string,
        ];
        expect(await commands.noteSuspects(0, [])).to.deep.equal(new Map());
        expect(await commands.noteSuspects(0, [second, first])).to.deep.equal(new Map());
        expect(await commands.countAttempt(0, second)).to.equal(1);
        expect(await commands.noteSuspects(1, [first, second]), 'another partition').to.deep.equal(new Map());
        const known = new Map([
          [first, 0],
          [second, 1],
        ]);
        expect(await commands.noteSuspects(0, [first, third, second])).to.deep.equal(known);
        expect(await commands.noteSuspects(0, [third, fourth]), 'nobody was noted').to.deep.equal(new Map());
        await commands.forgetAttempts(0, [first, third, fourth]);
        await commands.forgetAttempts(0, []);
        expect(await commands.noteSuspects(0, [first, second])).to.deep.equal(new Map([[second, 1]]));
      });
    });

    describe('pruning attempts', () => {
      it('deletes attempts last recorded before a time, a limited number per call, and keeps the others', async () => {
        const { commands } = store;
        const keys = [1, 2, 3].map(() => randomUUID());
        const hour = 3_600_000;
        await commands.pruneAttempts(new Date(Date.now() + hour), 1_000);
        await commands.noteSuspects(0, keys.slice(0, 2));
        await commands.countAttempt(0, keys[2] ?? '');
        expect(await commands.pruneAttempts(new Date(Date.now() - hour), 1_000)).to.equal(0);
        expect(await commands.noteSuspects(0, keys)).to.have.property('size', 3);
        expect(await commands.pruneAttempts(new Date(Date.now() + hour), 2)).to.equal(2);
        expect(await commands.pruneAttempts(new Date(Date.now() + hour), 2)).to.equal(1);
        expect(await commands.noteSuspects(0, keys)).to.have.property('size', 0);
      });
    });

    describe('pruning receipts', () => {
      it('keeps receipts while their retention lasts, and deletes them afterwards, if it is called regularly', async () => {
        const { commands } = store;
        const receipts = [
          aReceiptRecord(aReceipt(), { at: new Date() }),
          aReceiptRecord(aReceipt(), { at: new Date() }),
        ];
        const stored = async () => (await owner.read({ receipts })).receipts.size;
        await owner.write(() => ({ receipts }));
        const hour = 3_600_000;
        for (let call = 0; call < CALLS; call += 1) await commands.pruneReceipts(hour);
        expect(await stored()).to.equal(receipts.length);
        for (let call = 0; call < CALLS; call += 1) await commands.pruneReceipts(0);
        expect(await stored()).to.equal(0);
        // Their commands may come again.
        await owner.write(() => ({ receipts }));
        expect(await stored()).to.equal(receipts.length);
      });
    });
  });
}
