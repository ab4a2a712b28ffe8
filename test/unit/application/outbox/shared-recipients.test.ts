import { expect } from 'chai';
import { CHATS_READ_TOGETHER_MAX, SharedRecipients } from '../../../../src/application/outbox/shared-recipients.js';
import type { ChatMembers, EventLog } from '../../../../src/application/ports/store/log/event-log.js';
import { realTime } from '../../../../src/application/runtime/time.js';

const CHAT: ChatMembers = {
  ...{ tenantId: 't', kind: 'group', archived: false, historyVisibility: 'full', memberCount: 0, members: [] },
};

describe('Recipients that several publishers read', () => {
  let reads: unknown[][];
  let fails = false;
  let shared: SharedRecipients;
  beforeEach(() => {
    reads = [];
    fails = false;
    const log = {
      recipients: async (...given: Parameters<EventLog['recipients']>) => {
        reads.push(given);
        if (fails) throw new Error('the store is away');
        return new Map(given[0].filter((id) => id !== 'none').map((id) => [id, { ...CHAT, tenantId: id }]));
      },
    } as Partial<EventLog> as EventLog;
    shared = new SharedRecipients(log, realTime);
  });
  const keys = async (found: Promise<Map<string, ChatMembers>>) => [...(await found).keys()];

  it('are read at once for all that ask in one turn, and each gets its own', async () => {
    const asked = [['a', 'b'], ['b', 'c', 'none'], []].map((ids) => keys(shared.recipients(ids, 5, false)));
    expect(await Promise.all(asked)).to.deep.equal([['a', 'b'], ['b', 'c'], []]);
    expect(reads).to.deep.equal([[['a', 'b', 'c', 'none'], 5, false]]);
  });

  it('are read again for who asks later', async () => {
    await shared.recipients(['a'], 5, false);
    await shared.recipients(['a'], 5, false);
    expect(reads).to.have.length(2);
  });

  it('are read apart if something else is asked of them', async () => {
    await Promise.all([shared.recipients(['a'], 5, false), shared.recipients(['a'], 5, true)]);
    expect(reads).to.deep.equal([
      [['a'], 5, false],
      [['a'], 5, true],
    ]);
  });

  it('are read by several statements if too many chats are asked for', async () => {
    const chatsOf = (publisher: number) => Array.from({ length: 200 }, (_, index) => `${publisher}-${index}`);
    const found = await Promise.all([0, 1, 2, 3, 4].map((one) => shared.recipients(chatsOf(one), 5, false)));
    expect(found.map((chats) => [...chats.keys()])).to.deep.equal([0, 1, 2, 3, 4].map(chatsOf));
    expect(reads.map(([chatIds]) => (chatIds as string[]).length)).to.deep.equal([400, 400, 200]);
    expect(CHATS_READ_TOGETHER_MAX).to.be.within(400, 599);
    await shared.recipients(['a'], 5, false);
    expect(reads).to.have.length(4);
  });

  it('fail for all that asked, and only for them', async () => {
    fails = true;
    const asked = ['a', 'b'].map((id) => shared.recipients([id], 5, false).catch((error: Error) => error.message));
    expect(await Promise.all(asked)).to.deep.equal(['the store is away', 'the store is away']);
    fails = false;
    expect(await keys(shared.recipients(['a'], 5, false))).to.deep.equal(['a']);
  });
});
