import { expect } from 'chai';
import { directChatId } from '../../../src/contract/messages/direct-chat-id.js';
import { RestStack } from './rest/rest-stack.js';

/** More than a message may have, and fewer than the default quota lets through. */
const REACTIONS = 150;
/** Of one chat with its last message; without a limit the reactions alone have twice as many. */
const CHAT_MAX_BYTES = 6 * 1024;

describe('The limits on a real broker, a real database and a worker process', () => {
  let rest: RestStack;

  before(async function () {
    this.timeout(60_000);
    rest = await RestStack.create();
    await rest.run('worker', 'api');
    await rest.fleet.connect();
  });
  after(() => rest?.close());

  it('keep a page of chats small, for any number of different reactions', async function () {
    this.timeout(60_000);
    const { producer } = rest.fleet;
    const chatId = directChatId('default', 'alice', 'mallory');
    const by = (actorId: string, type: string, commandId: string, data: object) =>
      producer.request({ type, commandId, actorId, chatId, data });
    await by('mallory', 'chat.create', 'open', { kind: 'direct', memberIds: ['alice'] });
    const { messageId } = await by('mallory', 'message.send', 'send', { body: 'hello' });
    const receipts = await Promise.all(
      Array.from({ length: REACTIONS }, (_, index) =>
        by('mallory', 'message.react', `r${index}`, { messageId, emoji: `:${String(index).padStart(62, 'x')}:` }),
      ),
    );
    const { body } = await rest.get('/v1/chats?limit=1');
    expect(JSON.stringify(body).length).to.be.below(CHAT_MAX_BYTES);
    expect(receipts.filter(({ status }) => status === 'accepted')).to.have.length(20);
    expect(new Set(receipts.map(({ reason }) => reason?.code))).to.deep.equal(new Set([undefined, 'limit_reached']));
  });
});
