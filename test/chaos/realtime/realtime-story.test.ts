/** The short form of `npm run proof -- realtime`. */
import { expect } from 'chai';
import { playStory } from './story.js';

const TEST_TIMEOUT_MS = 180_000;
const SHORT = { acts: 40, actsPerFault: 8, users: 6, gateways: 2 };
/** Its chats become large and small again, and gateways are killed, frozen and starved. */
const SEED = 4;

describe('A random story on real gateways', function () {
  this.timeout(TEST_TIMEOUT_MS);

  it('leaves each client with the state of the store, and no frame had what its user could not read', async () => {
    const { findings, events } = await playStory({ ...SHORT, seed: SEED });
    expect(findings).to.deep.equal([]);
    expect(events).to.be.greaterThan(10);
  });

  it('notices a gateway that does not walk a joined chat', async () => {
    const { findings } = await playStory({ ...SHORT, acts: 0, seed: SEED, plant: 'join-without-walk' });
    const [finding] = findings;
    expect(finding, finding).to.match(/last: \S+( is missing|: has .*should have)/);
  });
});
