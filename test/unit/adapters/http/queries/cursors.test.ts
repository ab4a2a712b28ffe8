import { expect } from 'chai';
import { RestHarness } from '../rest-harness.js';

describe('REST cursors', () => {
  let rest: RestHarness;
  let chats: string[];

  before(async () => {
    rest = await new RestHarness().start();
    chats = [];
    for (let i = 0; i < 4; i += 1) chats.push(await rest.group(['bob', 'carol', 'dave']));
  });
  after(() => rest.stop());

  async function cursorOf(path: string, as = 'alice'): Promise<string> {
    const { body } = await rest.get(path, { as });
    expect(body.nextCursor).to.be.a('string');
    return body.nextCursor;
  }

  async function expectRefused(path: string, as = 'alice'): Promise<void> {
    const { status, body } = await rest.get(path, { as });
    expect([status, body.type]).to.deep.equal([400, '/problems/bad_request']);
    expect(body.violations).to.deep.equal([{ path: 'cursor', message: 'is not a valid cursor of this query' }]);
  }

  it('continue where the page ended, for any next page size', async () => {
    const cursor = await cursorOf('/v1/chats?limit=1');
    const { status, body } = await rest.get(`/v1/chats?cursor=${cursor}&limit=3`);
    expect(status).to.equal(200);
    expect(body.items).to.have.length(3);
    expect(body.nextCursor).to.equal(null);
  });

  it('reveal neither the end of the page nor positions of the store', async () => {
    const cursor = await cursorOf('/v1/chats?limit=1');
    const { body } = await rest.get('/v1/sync?since=now');
    const readable = (text: string) => Buffer.from(text.split('.')[0] ?? '', 'base64url');
    for (const chatId of chats) expect(readable(cursor).includes(chatId)).to.equal(false);
    expect(body.next).to.be.a('string');
    // In the clear it began with its form, its flags and the number of partitions.
    expect([...readable(body.next).subarray(0, 2)]).not.to.deep.equal([1, 1]);
  });

  it('are refused with one changed character', async () => {
    const cursor = await cursorOf('/v1/chats?limit=1');
    for (const at of [0, Math.floor(cursor.length / 3), cursor.indexOf('.') + 1, cursor.length - 2]) {
      const other = cursor[at] === 'A' ? 'B' : 'A';
      await expectRefused(`/v1/chats?limit=1&cursor=${cursor.slice(0, at)}${other}${cursor.slice(at + 1)}`);
    }
  });

  it('are refused when forged, shortened or extended', async () => {
    const cursor = await cursorOf('/v1/chats?limit=1');
    const [payload, mac] = cursor.split('.');
    const madeUp = Buffer.from(JSON.stringify(['2030-01-01T00:00:00.000Z', chats[0]])).toString('base64url');
    for (const bad of [
      'x',
      '.',
      `${payload}.`,
      `.${mac}`,
      `${payload}`,
      `${cursor}.${mac}`,
      `${madeUp}.${mac}`,
      `${cursor}AA`,
    ])
      await expectRefused(`/v1/chats?cursor=${bad}`);
  });

  it('are refused with another caller, in another tenant too', async () => {
    const cursor = await cursorOf('/v1/chats?limit=1');
    await expectRefused(`/v1/chats?limit=1&cursor=${cursor}`, 'bob');
    await expectRefused(`/v1/chats?limit=1&cursor=${cursor}`, 'acme/alice');
  });

  it('are refused with another query', async () => {
    const cursor = await cursorOf('/v1/chats?limit=1');
    const members = await cursorOf(`/v1/chats/${chats[0]}/members?limit=1`);
    await expectRefused(`/v1/chats?limit=1&kind=group&cursor=${cursor}`);
    await expectRefused(`/v1/chats?limit=1&archived=false&cursor=${cursor}`);
    await expectRefused(`/v1/chats?limit=1&hidden=true&cursor=${cursor}`);
    await expectRefused(`/v1/chats?limit=1&cursor=${members}`);
    await expectRefused(`/v1/chats/${chats[0]}/members?limit=1&cursor=${cursor}`);
    await expectRefused(`/v1/chats/${chats[1]}/members?limit=1&cursor=${members}`);
    expect((await rest.get(`/v1/chats/${chats[0]}/members?limit=1&cursor=${members}`)).status).to.equal(200);
  });

  it('are refused under another secret', async () => {
    const cursor = await cursorOf('/v1/chats?limit=1');
    const other = await new RestHarness({ cursorSecret: 'another' }).start();
    try {
      expect((await other.get(`/v1/chats?limit=1&cursor=${cursor}`)).status).to.equal(400);
    } finally {
      await other.stop();
    }
  });

  it('do not reveal a chat to a non-member', async () => {
    const members = await cursorOf(`/v1/chats/${chats[0]}/members?limit=1`);
    expect((await rest.get(`/v1/chats/${chats[0]}/members?cursor=${members}`, { as: 'mallory' })).status).to.equal(404);
  });
});
