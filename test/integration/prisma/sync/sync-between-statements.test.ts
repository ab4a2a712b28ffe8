/** A page is asked for with several statements, each of which sees a later moment than the one before. */
import { expect } from 'chai';
import type { Prisma, PrismaClient } from '../../../../src/adapters/stores/prisma/generated/client.js';
import { PrismaSyncLog } from '../../../../src/adapters/stores/prisma/log/prisma-sync-log.js';
import { add, create, GROUP, remove, updateMember } from '../../../unit/application/commands/drafts.js';
import { pagesOf } from '../../../unit/application/sync/fetch-page.js';
import { expectInSync } from '../../../unit/application/sync/sync-oracle.js';
import { SyncingClient } from '../../../unit/application/sync/syncing-client.js';
import { ChangingView } from '../../../unit/application/sync/views.js';
import { DecidedStore } from '../decided-store.js';
import { tablesOf } from '../tables-of.js';

const PAGE = 10;
/** Readers see nothing. */
const VIEW = new ChangingView(['open owner', 'open admin', 'open member']);

describe('A chat that becomes invisible to a member, in PostgreSQL', () => {
  const hide = updateMember('alice', GROUP, 'bob', { role: 'reader' });
  const show = updateMember('alice', GROUP, 'bob', { role: 'member' });
  const leave = remove('bob', GROUP, 'bob');
  const addHidden = add('alice', GROUP, ['bob'], 'reader');
  const cases = [
    { name: 'hidden, and left', lost: hide, meanwhile: [leave] },
    { name: 'hidden, and shown again', lost: hide, meanwhile: [show] },
    { name: 'hidden, and shown again and left', lost: hide, meanwhile: [show, leave] },
    { name: 'left, and joined again unseen', lost: leave, meanwhile: [addHidden] },
    { name: 'left, and joined again unseen and shown', lost: leave, meanwhile: [addHidden, show] },
  ];

  for (const { name, lost, meanwhile } of cases)
    it(`is reported once to a syncing client: ${name} after any statement of a page`, async () => {
      let statements = 1;
      for (let last = 0; last <= statements; last += 1) {
        const stage = await DecidedStore.open();
        try {
          await stage.given(create('alice', GROUP, ['bob']));
          let asked = 0;
          let isWatched = false;
          const syncLog = new PrismaSyncLog(
            after(stage.store.database, async () => {
              if (!isWatched) return;
              if (asked === last) await stage.given(...meanwhile);
              asked += 1;
            }),
          );
          const bob = new SyncingClient(pagesOf(stage.store, 'bob', { syncLog, policy: VIEW.policy }));
          await bob.catchUp(PAGE);
          expect([...bob.chats.keys()]).to.deep.equal([GROUP]);
          await stage.given(lost);
          isWatched = true;
          await bob.sync(PAGE);
          expect(bob.counts.departures + bob.counts.hidden, 'told once').to.be.at.most(1);
          isWatched = false;
          statements = asked - 1;
          await bob.catchUp(PAGE);
          expectInSync(bob, 'bob', await tablesOf(stage.url), VIEW);
        } finally {
          await stage.close();
        }
      }
      expect(statements, 'statements of a page').to.be.at.least(3);
    });
});

/** The database, asked with one statement after another, with something that happens after each. */
function after(database: PrismaClient, between: () => Promise<void>): PrismaClient {
  const ask = async (statement: Prisma.Sql): Promise<unknown> => {
    const rows = await database.$queryRaw(statement);
    await between();
    return rows;
  };
  return { $queryRaw: ask } as unknown as PrismaClient;
}
