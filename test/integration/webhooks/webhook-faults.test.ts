/** Relays and endpoints that are killed under load: the ledger of what the endpoints took. */
import { expect } from 'chai';
import { eventually } from '../../support/eventually.js';
import type { TestProcess } from '../../support/fleet/processes.js';
import type { Endpoint } from '../../support/webhooks/endpoint.js';
import { faultsOfChat, WebhookStack, WITHIN_MS } from '../../support/webhooks/webhook-stack.js';

const CHATS = 4;
/** In each chat. The long form is `npm run proof -- webhooks`. */
const MESSAGES = Number(process.env.WEBHOOK_MESSAGES ?? 12);
const KILLS = Number(process.env.WEBHOOK_KILLS ?? 1);
/** Deliveries between two kills. */
const BETWEEN = Math.floor((CHATS * MESSAGES) / (KILLS + 2));

describe('Webhooks while things die', function () {
  this.timeout(180_000);
  let stack: WebhookStack;
  const relays: TestProcess[] = [];

  before(async () => {
    stack = await WebhookStack.create({ WEBHOOK_TIMEOUT: '2s' });
  });
  afterEach(async () => {
    await Promise.all(relays.splice(0).map((relay) => (relay.running ? relay.stop() : undefined)));
  });
  after(() => stack?.close());

  /** Sends to all chats while `act` runs; then everything must have arrived. */
  async function play(endpoint: Endpoint, act: () => Promise<void>): Promise<void> {
    const chats = await Promise.all(Array.from({ length: CHATS }, () => stack.rest.group([])));
    const webhookId = await stack.webhook(endpoint, { chatIds: chats });
    const sending = Promise.all(
      chats.map(async (chatId) => {
        for (let n = 0; n < MESSAGES; n += 1) await stack.rest.say(chatId, `text ${n}`);
      }),
    );
    await act();
    await sending;
    await stack.drained(webhookId);
    expect(endpoint.faults).to.deep.equal([]);
    for (const chatId of chats) expect(faultsOfChat(endpoint.ids, chatId, MESSAGES + 1, 2)).to.deep.equal([]);
    expect((await stack.state(webhookId)).parked).to.equal(0);
  }

  const startRelay = async () => {
    const relay = await stack.startRelay();
    relays.push(relay);
    return relay;
  };

  it('lose nothing and keep the order when a relay is killed while the endpoint holds its request', async () => {
    await startRelay();
    await startRelay();
    const endpoint = await stack.endpoint();
    let kills = 0;
    endpoint.behaviour = async () => {
      const victim = relays.find(({ running }) => running);
      if (kills < KILLS && endpoint.received.length > (kills + 1) * BETWEEN && victim !== undefined) {
        kills += 1;
        await victim.kill();
        await startRelay();
        return null;
      }
      return 200;
    };
    await play(endpoint, async () => undefined);
    expect(kills).to.equal(KILLS);
    const repeated = endpoint.received.length - new Set(endpoint.received.map(({ id }) => id)).size;
    expect(repeated, 'what was under way came again, with the same webhook-id').to.be.at.least(1);
  });

  it('lose nothing and keep the order when the endpoint is killed and restarted', async () => {
    await startRelay();
    const endpoint = await stack.endpoint();
    await play(endpoint, async () => {
      for (let kill = 0; kill < KILLS; kill += 1) {
        const goal = endpoint.received.length + BETWEEN;
        await eventually(() => endpoint.received.length >= goal, { within: WITHIN_MS, what: 'deliveries' });
        await endpoint.kill();
        const before = (await stack.rest.fleet.query('SELECT 1 FROM webhook_endpoints WHERE failures > 0')).length;
        await eventually(
          async () =>
            before > 0 ||
            (await stack.rest.fleet.query('SELECT 1 FROM webhook_endpoints WHERE failures > 0')).length > 0,
          { within: WITHIN_MS, what: 'the relay notices' },
        );
        await endpoint.restart();
      }
    });
  });

  it('lose nothing when a relay is frozen until another one has its cursors, and resumed', async () => {
    const frozen = await startRelay();
    await startRelay();
    const endpoint = await stack.endpoint();
    await play(endpoint, async () => {
      await eventually(() => endpoint.received.length > BETWEEN, { within: WITHIN_MS, what: 'deliveries' });
      frozen.pause();
      try {
        await eventually(
          async () => {
            const owners = await stack.rest.fleet.query<{ owner: string }>(
              "SELECT DISTINCT owner FROM event_cursors WHERE name = 'webhooks' AND lease_until > now()",
            );
            return owners.length === 1;
          },
          { within: WITHIN_MS, what: 'one relay owns all cursors' },
        );
      } finally {
        frozen.resume();
      }
    });
  });
});
