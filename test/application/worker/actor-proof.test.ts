import { expect } from 'chai';
import { JwtActorProof } from '../../../src/adapters/jwt/actor-proof.js';
import { type ActorProof, ProofUnavailable } from '../../../src/application/ports/actor-proof.js';
import { JwtVerifier, signToken } from '../../../src/infrastructure/jwt.js';
import { create, GROUP, send } from '../drafts.js';
import type { Draft } from '../stage.js';
import { Lab } from './lab.js';

const SECRET = 'a secret of the tests, long enough to sign with';
const GRACE_SECONDS = 600;

const proof = new JwtActorProof(new JwtVerifier({ keys: { secret: SECRET } }));

async function bearer(subject: string, expiresInSeconds: number, tenant?: string): Promise<string> {
  const claims = tenant === undefined ? {} : { tenant };
  return `Bearer ${await signToken(SECRET, { subject, claims }, expiresInSeconds)}`;
}

const carrying = (draft: Draft, authorization: unknown): Draft => ({
  ...draft,
  properties: { headers: { authorization } },
});

describe('A worker that asks for the proof of the actor', () => {
  let lab: Lab;
  let alice: string;
  beforeEach(async () => {
    alice = await bearer('alice', 60);
    lab = await Lab.open({ proof, proofGraceSeconds: GRACE_SECONDS });
    await lab.given(carrying(create('alice', GROUP, ['bob']), alice));
  });
  afterEach(() => lab?.close());

  const refusals: [string, string, () => unknown][] = [
    ['no token', 'missing', () => undefined],
    ['another scheme', 'missing', () => 'Basic YWxpY2U6eA=='],
    ['a header that is no text', 'missing', () => 42],
    ['a token of another actor', 'another actor', () => bearer('bob', 60)],
    ['a token of another tenant', 'another actor', () => bearer('alice', 60, 'acme')],
    ['a token that expired before the grace', 'expired', () => bearer('alice', -GRACE_SECONDS - 1)],
    ['a token signed by somebody else', 'signature', async () => `${alice.slice(0, -8)}AAAAAAAA`],
  ];
  for (const [what, detail, header] of refusals)
    it(`answers ${what} with unauthenticated, and neither stores nor publishes it`, async () => {
      const draft = send('alice', GROUP, 'text', {}, { commandId: 'c1' });
      const [receipt] = await lab.answers(carrying(draft, await header()));
      expect(receipt?.status).to.equal('rejected');
      expect(receipt?.reason?.code).to.equal('unauthenticated');
      expect(receipt?.reason?.detail ?? '').to.contain(detail);
      expect(lab.world.receipts.has('default alice c1')).to.equal(false);
      expect(lab.sequences(GROUP)).to.deep.equal([1]);
      expect(lab.log.lines.join(), 'no token reaches the log').not.to.contain('eyJ');
      // Trying again, with a proof, may succeed.
      await lab.given(carrying(draft, alice));
      expect(lab.world.log.get(0)?.map(({ event }) => event.type)).to.deep.equal(['chat.created', 'message.created']);
    });

  it('takes a token that expired while its command waited', async () => {
    await lab.given(carrying(send('alice', GROUP, 'late'), await bearer('alice', 30 - GRACE_SECONDS)));
    expect(lab.bodies(GROUP)).to.deep.equal(['late']);
  });

  it('proves the actor before it looks up a receipt: nobody learns of the answers of others', async () => {
    const draft = send('alice', GROUP, 'text', {}, { commandId: 'c1' });
    const [, stolen, own] = await lab.answers(
      carrying(draft, alice),
      carrying(draft, await bearer('bob', 60)),
      carrying(draft, alice),
    );
    expect(stolen?.reason?.code).to.equal('unauthenticated');
    expect(stolen).to.include({ messageId: null, sequence: null, replayed: false });
    expect(own).to.include({ replayed: true, sequence: 2 });
  });

  it('judges each command on its own', async () => {
    const bob = await bearer('bob', 60);
    const receipts = await lab.answers(
      carrying(send('alice', GROUP, 'one'), alice),
      carrying(send('alice', GROUP, 'two'), bob),
      carrying(send('bob', GROUP, 'three'), bob),
    );
    expect(receipts.map(({ status }) => status)).to.deep.equal(['accepted', 'rejected', 'accepted']);
    expect(lab.bodies(GROUP)).to.deep.equal(['one', 'three']);
  });
});

describe('A worker that cannot get the keys to judge by', () => {
  it('lets the commands wait, in their place, and refuses none', async () => {
    const alice = await bearer('alice', 60);
    let asked = 0;
    let isAway = false;
    const keysAway: ActorProof = {
      verify: (token, options) => {
        asked += 1;
        return isAway ? Promise.reject(new ProofUnavailable('no keys')) : proof.verify(token, options);
      },
    };
    const lab = await Lab.open({ proof: keysAway });
    try {
      await lab.given(carrying(create('alice', GROUP, []), alice));
      isAway = true;
      asked = 0;
      lab.publish(carrying(send('alice', GROUP, 'one'), alice), carrying(send('alice', GROUP, 'two'), alice));
      await lab.until('they were tried again', () => asked > 4);
      lab.publish(carrying(send('alice', GROUP, 'three'), alice));
      expect(lab.receipts).to.have.length(1);
      isAway = false;
      await lab.until('all are answered', () => lab.receipts.length === 4);
      expect(lab.bodies(GROUP)).to.deep.equal(['one', 'two', 'three']);
      expect(lab.receipts.every(({ status }) => status === 'accepted')).to.equal(true);
    } finally {
      await lab.close();
    }
  });
});
