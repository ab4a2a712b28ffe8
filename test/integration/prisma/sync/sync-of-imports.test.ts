import { expect } from 'chai';
import { anArchive, CHAT, textOf } from '../../../unit/application/archive/an-archive.js';
import { create, OTHER_GROUP, send } from '../../../unit/application/commands/drafts.js';
import { pagesOf } from '../../../unit/application/sync/fetch-page.js';
import { expectInSync } from '../../../unit/application/sync/sync-oracle.js';
import { SyncingClient } from '../../../unit/application/sync/syncing-client.js';
import { importInto } from '../archive/archive-of.js';
import { DecidedStore } from '../decided-store.js';
import { tablesOf } from '../tables-of.js';

/** Before and after the chat that is brought in. */
const EARLIER = '0099c1de-7c3a-7b1e-9a43-3f1b6a0f9d10';
const LATER = 'f199c1de-7c3a-7b1e-9a43-3f1b6a0f9d12';

describe('A client that syncs during an import of a chat', () => {
  let target: DecidedStore;
  let bob: SyncingClient;
  const bringIn = () => importInto(target.store, anArchive().map(textOf));
  const expectBobInSync = async () => expectInSync(bob, 'bob', await tablesOf(target.url));

  beforeEach(async () => {
    target = await DecidedStore.open();
    bob = new SyncingClient(pagesOf(target.store, 'bob'));
    await target.given(create('alice', EARLIER, ['bob']), create('alice', LATER, ['bob']));
  });
  afterEach(() => target.close());

  it('gets the whole chat once, and its later messages', async () => {
    await bob.catchUp(10);
    await bringIn();
    await bob.catchUp(10);
    await expectBobInSync();
    expect(bob.counts).to.include({ resets: 3, events: 8 });
    await bob.catchUp(10);
    expect(bob.hadNothingNew).to.equal(true);
    await target.given(send('alice', CHAT, 'as ever'));
    await bob.catchUp(10);
    await expectBobInSync();
    expect(bob.counts).to.include({ resets: 3, events: 9 });
  });

  it('gets it with the next walk, also if it changed meanwhile', async () => {
    expect(await bob.sync(1)).to.equal(true);
    await bringIn();
    await target.given(send('alice', CHAT, 'as ever'), create('alice', OTHER_GROUP, ['bob']));
    while (await bob.sync(1));
    expect([...bob.chats.keys()]).to.have.members([EARLIER, LATER]);
    await bob.catchUp(2);
    await expectBobInSync();
    expect(bob.chats.get(CHAT)?.lastSequence).to.equal(7);
  });

  it('gets all of it without a token', async () => {
    await bringIn();
    await bob.catchUp(3);
    await expectBobInSync();
  });
});
