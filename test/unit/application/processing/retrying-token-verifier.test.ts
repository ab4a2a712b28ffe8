import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { JwtTokenVerifier } from '../../../../src/adapters/auth/jwt-token-verifier.js';
import { TokenKeysUnavailable, type TokenVerifier } from '../../../../src/application/ports/token-verifier.js';
import { RetryingTokenVerifier } from '../../../../src/application/processing/retrying-token-verifier.js';
import { realTime } from '../../../../src/application/runtime/time.js';
import { JwtVerifier, signToken } from '../../../../src/infrastructure/jwt.js';
import type { Draft } from '../commands/decider-harness.js';
import { create, GROUP, send } from '../commands/drafts.js';
import { range, WorkerHarness } from './worker-harness.js';

const SECRET = 'a secret of the tests, long enough to sign with';
const GRACE_SECONDS = 600;

const verifier = new JwtTokenVerifier(new JwtVerifier({ keys: { secret: SECRET } }));

async function bearer(subject: string, expiresInSeconds: number, tenant?: string): Promise<string> {
  const claims = tenant === undefined ? {} : { tenant };
  return `Bearer ${await signToken(SECRET, { subject, claims }, expiresInSeconds)}`;
}

const carrying = (draft: Draft, authorization: unknown): Draft => ({
  ...draft,
  properties: { headers: { authorization } },
});

describe('A worker that authenticates actors', () => {
  let harness: WorkerHarness;
  let alice: string;
  beforeEach(async () => {
    alice = await bearer('alice', 60);
    harness = await WorkerHarness.open({ verifier, tokenGraceSeconds: GRACE_SECONDS });
    await harness.given(carrying(create('alice', GROUP, ['bob']), alice));
  });
  afterEach(() => harness?.close());

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
    it(`answers ${what} with unauthenticated, which is neither stored nor published`, async () => {
      const draft = send('alice', GROUP, 'text', {}, { commandId: 'c1' });
      const [receipt] = await harness.answers(carrying(draft, await header()));
      expect(receipt?.status).to.equal('rejected');
      expect(receipt?.reason?.code).to.equal('unauthenticated');
      expect(receipt?.reason?.detail ?? '').to.contain(detail);
      expect(harness.world.receipts.has('default alice c1')).to.equal(false);
      expect(harness.sequences(GROUP)).to.deep.equal([1]);
      expect(harness.log.lines.join(), 'no token reaches the log').not.to.contain('eyJ');
      // Trying again, with a proof, may succeed.
      await harness.given(carrying(draft, alice));
      expect(harness.world.log.get(0)?.map(({ event }) => event.type)).to.deep.equal([
        'chat.created',
        'message.created',
      ]);
    });

  it('accepts a token that expired while its command waited', async () => {
    await harness.given(carrying(send('alice', GROUP, 'late'), await bearer('alice', 30 - GRACE_SECONDS)));
    expect(harness.bodies(GROUP)).to.deep.equal(['late']);
  });

  it('authenticates the actor before it looks up a receipt, so that users cannot read the receipts of others', async () => {
    const draft = send('alice', GROUP, 'text', {}, { commandId: 'c1' });
    const [, stolen, own] = await harness.answers(
      carrying(draft, alice),
      carrying(draft, await bearer('bob', 60)),
      carrying(draft, alice),
    );
    expect(stolen?.reason?.code).to.equal('unauthenticated');
    expect(stolen).to.include({ messageId: null, sequence: null, replayed: false });
    expect(own).to.include({ replayed: true, sequence: 2 });
  });

  it('authenticates each command separately', async () => {
    const bob = await bearer('bob', 60);
    const receipts = await harness.answers(
      carrying(send('alice', GROUP, 'one'), alice),
      carrying(send('alice', GROUP, 'two'), bob),
      carrying(send('bob', GROUP, 'three'), bob),
    );
    expect(receipts.map(({ status }) => status)).to.deep.equal(['accepted', 'rejected', 'accepted']);
    expect(harness.bodies(GROUP)).to.deep.equal(['one', 'three']);
  });
});

/** Of a worker in these tests: long enough for a few tries on a busy machine. */
const JWKS_WAIT_MS = 1_500;

describe('A worker without token keys', () => {
  let harness: WorkerHarness;
  let alice: string;
  let isAway: boolean;
  let asked: number;
  beforeEach(async () => {
    alice = await bearer('alice', 60);
    isAway = false;
    asked = 0;
    const keysAway: TokenVerifier = {
      verify: (token, options) => {
        asked += 1;
        return isAway ? Promise.reject(new TokenKeysUnavailable('no keys')) : verifier.verify(token, options);
      },
    };
    harness = await WorkerHarness.open({ verifier: new RetryingTokenVerifier(keysAway, JWKS_WAIT_MS, realTime) });
    await harness.given(carrying(create('alice', GROUP, []), alice));
    asked = 0;
  });
  afterEach(() => harness?.close());

  it('keeps commands waiting in their place for a limited time, and refuses none if the keys return', async () => {
    isAway = true;
    harness.publish(carrying(send('alice', GROUP, 'one'), alice), carrying(send('alice', GROUP, 'two'), alice));
    await harness.until('they were tried again', () => asked > 4);
    harness.publish(carrying(send('alice', GROUP, 'three'), alice));
    expect(harness.receipts).to.have.length(1);
    isAway = false;
    await harness.until('all are answered', () => harness.receipts.length === 4);
    expect(harness.bodies(GROUP)).to.deep.equal(['one', 'two', 'three']);
    expect(harness.receipts.every(({ status }) => status === 'accepted')).to.equal(true);
  });

  it('then answers them unauthenticated, stores nothing, and accepts the same command later', async () => {
    isAway = true;
    const draft = carrying(send('alice', GROUP, 'one', {}, { commandId: 'c1' }), alice);
    const began = performance.now();
    const [receipt] = await harness.answers(draft);
    expect(performance.now() - began).to.be.at.least(JWKS_WAIT_MS - 50);
    expect(receipt?.reason).to.deep.include({ code: 'unauthenticated' });
    expect(receipt?.reason?.detail).to.include('try again later');
    expect([...harness.world.receipts.keys()].some((key) => key.endsWith(' c1'))).to.equal(false);
    isAway = false;
    const [again] = await harness.answers(draft);
    expect(again).to.deep.include({ status: 'accepted', replayed: false });
    expect(harness.bodies(GROUP)).to.deep.equal(['one']);
  });

  it('does not make later commands wait as long again', async () => {
    isAway = true;
    await harness.answers(carrying(send('alice', GROUP, 'one'), alice));
    const began = performance.now();
    for (let number = 0; number < 10; number += 1) await harness.answers(carrying(send('alice', GROUP, 'more'), alice));
    expect(performance.now() - began, 'milliseconds for ten batches').to.be.below(5 * JWKS_WAIT_MS);
    isAway = false;
    const [receipt] = await harness.answers(carrying(send('alice', GROUP, 'at last'), alice));
    expect(receipt?.status).to.equal('accepted');
  });
});

describe('A worker whose key set has an unusable key', () => {
  it('answers commands with that key, and their neighbours', async () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
    const pair = await generateKeyPair('ES256');
    const keys = [
      { ...weak, kid: 'weak', alg: 'RS256', use: 'sig' },
      { ...(await exportJWK(pair.publicKey)), kid: 'good' },
    ];
    const publisher = createServer((_request, response) => response.end(JSON.stringify({ keys })));
    await new Promise<void>((resolve) => publisher.listen(0, '127.0.0.1', resolve));
    const url = new URL(`http://127.0.0.1:${(publisher.address() as AddressInfo).port}`);
    const byKeySet = new JwtTokenVerifier(new JwtVerifier({ keys: { keySet: { url } } }));
    const harness = await WorkerHarness.open({ verifier: new RetryingTokenVerifier(byKeySet, JWKS_WAIT_MS, realTime) });
    try {
      const exp = Math.floor(Date.now() / 1000) + 60;
      const claims = new SignJWT({ sub: 'alice', exp }).setProtectedHeader({ alg: 'ES256', kid: 'good' });
      const alice = `Bearer ${await claims.sign(pair.privateKey)}`;
      await harness.given(carrying(create('alice', GROUP, []), alice));
      const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
      const garbage = `Bearer ${part({ alg: 'RS256', kid: 'weak' })}.${part({ sub: 'alice', exp })}.${'A'.repeat(171)}`;
      const receipts = await harness.answers(
        ...range(1, 40).map((number) => carrying(send('alice', GROUP, `forged ${number}`), garbage)),
        carrying(send('alice', GROUP, 'hello'), alice),
      );
      expect(receipts.slice(0, 40).map(({ reason }) => reason?.code)).to.deep.equal(Array(40).fill('unauthenticated'));
      expect(receipts[40]?.status).to.equal('accepted');
      expect(harness.bodies(GROUP)).to.deep.equal(['hello']);
    } finally {
      await harness.close();
      await new Promise((resolve) => publisher.close(resolve));
    }
  });
});
