/** Rules of a whole gateway, each with a bug that breaks it. */
import { expect } from 'chai';
import { fingerprintOf } from '../../../../src/application/policy/view-chat.js';
import { NOTHING_SYNCED } from '../../../../src/application/queries/sync-chats.js';
import { CUT_INTERVAL_MS, Gateway, type GatewayDeps } from '../../../../src/application/realtime/gateway.js';
import { message as domainMessage, logged } from '../outbox/logged-events.js';
import { GatewayHarness, type OpenToken } from './gateway-harness.js';
import { BOB, CHAT, message } from './realtime-fixtures.js';

/** Reads the page of the first walk, and its cut with it, before it registers the connection. */
class LateGateway extends Gateway {
  constructor(private readonly given: GatewayDeps) {
    super(given);
  }

  override connect(...[connection, options]: Parameters<Gateway['connect']>): void {
    const { pages } = this.given;
    void pages.read(BOB, NOTHING_SYNCED).then((page) => {
      Object.assign(pages, { read: async () => page });
      super.connect(connection, options);
    });
  }
}

/** Whether an event that is committed right after the cut of a walk reaches the client. */
async function bringsWhatFollowsTheCut(harness: GatewayHarness): Promise<boolean> {
  await harness.gateway.start();
  let isCommitted = false;
  harness.duringPage = () => {
    if (!isCommitted) harness.commit(message(2));
    isCommitted = true;
  };
  await harness.connect();
  await harness.time.advance(CUT_INTERVAL_MS);
  await harness.gateway.stop();
  return isCommitted && harness.sequences.join() === '2';
}

/** Whether each mark has the view of the content that the client has: that of the latest page. */
async function marksWithTheViewOfThePages(isPlanted: boolean): Promise<boolean> {
  const harness = new GatewayHarness();
  await harness.gateway.start();
  await harness.connect((connection) => {
    if (!isPlanted) return;
    Object.defineProperty(connection, 'shown', { get: () => harness.shown });
    Object.defineProperty(connection, 'policyVersion', { get: () => harness.policy.version, set: () => undefined });
  });
  harness.commit(message(2));
  await harness.time.advance(CUT_INTERVAL_MS);
  harness.commit(message(3));
  harness.policy.version = '2';
  harness.shown = fingerprintOf([{ kind: 'group', archived: false, role: 'member' }]);
  for (let seconds = 0; seconds < 3; seconds += 1) await harness.time.advance(CUT_INTERVAL_MS);
  await harness.gateway.stop();
  let shown: number | null = null;
  let marks = 0;
  for (const frame of harness.frames) {
    if (frame.t === 'sync') ({ shown } = JSON.parse(frame.page.next) as OpenToken);
    if (frame.t !== 'mark') continue;
    marks += 1;
    if ((JSON.parse(frame.token) as OpenToken).shown !== shown) return false;
  }
  // The view of the end is the one of the policy, by a walk.
  return marks > 0 && shown === harness.shown;
}

describe('The rules of a whole gateway', () => {
  it('registers a connection before it reads the cut of its walk', async () => {
    expect(await bringsWhatFollowsTheCut(new GatewayHarness())).to.equal(true);
  });

  it('notices the planted bug: the cut read before the connection is registered', async () => {
    expect(await bringsWhatFollowsTheCut(new GatewayHarness((deps) => new LateGateway(deps)))).to.equal(false);
  });

  it('mints no mark with a view that the pages did not have', async () => {
    expect(await marksWithTheViewOfThePages(false)).to.equal(true);
  });

  it('notices the planted bug: a mark with a fresh view', async () => {
    expect(await marksWithTheViewOfThePages(true)).to.equal(false);
  });

  it('reads a gap to its end, also if a read ends before because of the size of its texts', async () => {
    const harness = new GatewayHarness();
    await harness.gateway.start();
    await harness.connect();
    const at = (position: number) =>
      logged(
        { type: 'message.created', message: { ...domainMessage, chatId: CHAT, sequence: position + 1 } },
        { partition: 0, position, chatId: CHAT, sequence: position + 1 },
      );
    const end = 3;
    // One event of the log in each read, as with texts that fill it.
    harness.readLog = (after) => ({ events: [at(after + 1)], through: after + 1, end, floor: 0 });
    harness.cut = { ...harness.cut, positions: [end] };
    for (let seconds = 0; seconds < 3; seconds += 1) await harness.time.advance(CUT_INTERVAL_MS);
    await harness.gateway.stop();
    expect(harness.sequences).to.deep.equal([2, 3, 4]);
  });
});
