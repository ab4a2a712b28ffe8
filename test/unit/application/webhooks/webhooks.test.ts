import { expect } from 'chai';
import { delayOf } from '../../../../src/adapters/sinks/webhooks/http-webhook-sender.js';
import type { DueLane } from '../../../../src/application/ports/store/webhooks.js';
import { type Attempt, judge } from '../../../../src/application/webhooks/attempt.js';
import { DEFAULT_SCHEDULE, endpointPausesMs } from '../../../../src/application/webhooks/retry-schedule.js';
import { newSecret, signedHeaders } from '../../../../src/application/webhooks/signature.js';
import { faultsOfChat } from '../../../support/webhooks/webhook-stack.js';

const lane: DueLane = {
  ...{ number: 7, tenantId: 'default', webhookId: 'w', url: 'https://bot.example/', offlineOnly: false, revision: 3 },
  ...{ secrets: ['whsec_AA=='], partition: 1, lane: 'chat', attempts: 0, hasSucceededSince: false, isProbe: false },
};
const attempt = (over: Partial<Attempt> = {}): Attempt => ({
  ...{ lane, position: 5, attempts: 0, hasSucceededSince: false },
  ...over,
});
const answered = (status: number, retryAfterMs: number | null = null) =>
  ({ outcome: 'answered', status, retryAfterMs }) as const;
const judged = (answer: Parameters<typeof judge>[0], over: Partial<Attempt> = {}) =>
  judge(answer, attempt(over), DEFAULT_SCHEDULE, 0).settlement;
const MINUTE = 60_000;

describe('The signature of a delivery', () => {
  it("is that of the Standard Webhooks' own example", () => {
    const body = Buffer.from('{"test": 2432232314}');
    const at = new Date(1_614_265_330_000);
    const headers = signedHeaders('msg_p5jXN8AQM9LWM0D4loKWxJek', at, body, ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw']);
    expect(headers).to.deep.equal({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it('has one part for each secret', () => {
    const secrets = [newSecret(), newSecret()];
    const both = signedHeaders('a/1', new Date(0), Buffer.from('{}'), secrets)['webhook-signature'].split(' ');
    const each = secrets.map((one) => signedHeaders('a/1', new Date(0), Buffer.from('{}'), [one])['webhook-signature']);
    expect(both).to.deep.equal(each);
    expect(new Set(both).size).to.equal(2);
  });
});

describe('An answer of an endpoint', () => {
  it('delivers with any 2xx', () => {
    for (const status of [200, 204, 299]) expect(judged(answered(status))).to.include({ outcome: 'delivered' });
  });

  it('retries after 5 s, 30 s, 2 m, 10 m, 1 h, 3 h, 8 h and 24 h if it is 5xx, 408, a redirect, or none', () => {
    const delays = [5_000, 30_000, 2 * MINUTE, 10 * MINUTE, 60 * MINUTE, 180 * MINUTE, 480 * MINUTE, 1_440 * MINUTE];
    for (const answer of [answered(500), answered(408), answered(302), { outcome: 'unreachable', code: 'x' } as const])
      for (const [attempts, delay] of delays.entries())
        expect(judged(answer, { attempts })).to.include({
          outcome: 'failed',
          retryAfterMs: delay,
          countsForEndpoint: true,
        });
  });

  it('parks the event at the ninth failure only if the endpoint has taken others meanwhile', () => {
    expect(judged(answered(500), { attempts: 8, hasSucceededSince: true })).to.include({ outcome: 'parked' });
    expect(judged(answered(500), { attempts: 7, hasSucceededSince: true })).to.include({ outcome: 'failed' });
    expect(judged(answered(500), { attempts: 50 })).to.include({ outcome: 'failed', retryAfterMs: 1_440 * MINUTE });
  });

  it('parks the event at once if it is another 4xx, and ends with 410', () => {
    for (const status of [400, 401, 404, 413, 422])
      expect(judged(answered(status))).to.include({ outcome: 'parked', code: `status-${status}` });
    expect(judged(answered(410))).to.include({ outcome: 'gone', revision: 3 });
  });

  it('pauses the endpoint by Retry-After, and never parks for 429', () => {
    expect(judged(answered(429, 7_000), { attempts: 20, hasSucceededSince: true })).to.include({
      ...{ outcome: 'failed', retryAfterMs: 7_000, pauseMs: 7_000, countsForEndpoint: false },
    });
    expect(judged(answered(429, 1e12))).to.include({ pauseMs: 1_440 * MINUTE });
    expect(judged(answered(503, 9_000))).to.include({ retryAfterMs: 9_000, pauseMs: 9_000 });
  });

  it('reads Retry-After in both forms', () => {
    const now = Date.parse('2026-11-20T20:15:00Z');
    expect(delayOf('120', now)).to.equal(120_000);
    expect(delayOf('Fri, 20 Nov 2026 20:15:30 GMT', now)).to.equal(30_000);
    expect(delayOf('Fri, 20 Nov 2020 20:15:30 GMT', now)).to.equal(0);
    for (const nonsense of [null, 'soon', '-1', '1.5e3x']) expect(delayOf(nonsense, now)).to.equal(null);
  });
});

describe('An endpoint that is down', () => {
  it('is tried by the first delays, and then once an hour', () => {
    expect(endpointPausesMs(DEFAULT_SCHEDULE, 0)).to.deep.equal([5_000, 30_000, 2 * MINUTE, 10 * MINUTE, 60 * MINUTE]);
  });
});

describe('The ledger of the tests', () => {
  const ids = (...sequences: number[]) => sequences.map((sequence) => `chat/${sequence}`);
  it('notices a lost and a reordered event, and permits late repeats', () => {
    expect(faultsOfChat(ids(1, 2, 3, 2, 1), 'chat', 3)).to.deep.equal([]);
    expect(faultsOfChat(ids(1, 3), 'chat', 3)).to.deep.equal(['chat: 3 came after 1', 'chat: 2 is missing']);
    expect(faultsOfChat(ids(1, 3, 2), 'chat', 3)).to.have.length(2);
    expect(faultsOfChat(ids(1, 2), 'chat', 3)).to.deep.equal(['chat: 3 is missing']);
  });
});
