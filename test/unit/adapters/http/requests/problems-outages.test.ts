import { expect } from 'chai';
import { MemoryChatQueries } from '../../../../../src/adapters/stores/memory/memory-chat-queries.js';
import { StoreError } from '../../../../../src/application/ports/command-store.js';
import { TokenKeysUnavailable } from '../../../../../src/application/ports/token-verifier.js';
import { CommandUnavailable } from '../../../../../src/application/ports/transport.js';
import { expectProblem } from '../expect-problem.js';
import type { RestAnswer } from '../rest-client.js';
import { RestHarness } from '../rest-harness.js';

describe('REST problems while a dependency is unavailable', () => {
  let rest: RestHarness;

  beforeEach(async () => {
    rest = await new RestHarness().start();
  });
  afterEach(() => rest.stop());

  const create = (more: object = {}) => rest.post('/v1/chats', { kind: 'group', memberIds: [], ...more });

  const restart = async (overrides: ConstructorParameters<typeof RestHarness>[0]) => {
    await rest.stop();
    rest = await new RestHarness(overrides).start();
  };
  const expectAway = (answer: RestAnswer) => {
    expectProblem(answer, 'unavailable');
    expect(answer.headers.get('retry-after')).to.equal('1');
    expect(JSON.stringify(answer.body)).to.not.include('10.0.0.7');
  };
  /** Queries on a store that does not answer as long as it is said so. */
  class FailingQueries extends MemoryChatQueries {
    constructor(private readonly failure: Error) {
      super(rest.world);
    }
    override findChat(): Promise<never> {
      return Promise.reject(this.failure);
    }
  }
  const path = '/v1/chats/0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d10';

  it('report the broker', async () => {
    rest.gateway.onNext(async () => {
      throw new CommandUnavailable('connect to 10.0.0.7 refused');
    });
    expectAway(await create());
  });

  it('name a command that may have been published, so that the client can repeat it with its id', async () => {
    rest.gateway.onNext(async (command) => {
      await rest.gateway.decide(command);
      throw new CommandUnavailable('lost before it was confirmed');
    });
    const json = { kind: 'group', memberIds: ['bob'] };
    const { status, body } = await rest.post('/v1/chats', json);
    expect(status).to.equal(503);
    const again = await rest.post('/v1/chats', json, { headers: { 'idempotency-key': body.commandId } });
    expect([again.status, again.body.replayed, again.body.commandId]).to.deep.equal([200, true, body.commandId]);
    expect(rest.world.chats.size).to.equal(1);
  });

  it('name the command also after the time limit', async () => {
    await restart({ settings: { answerTimeLimitMs: 50, receiptTimeoutMs: 0 } });
    rest.gateway.onNext(() => new Promise(() => undefined));
    const { status, body } = await create();
    expect([status, body.commandId]).to.deep.equal([503, rest.gateway.last.commandId]);
  });

  it('report the store', async () => {
    await restart({ queries: new FailingQueries(new StoreError('unavailable', 'connect to 10.0.0.7 refused')) });
    expectAway(await rest.get(path));
  });

  it('report the token keys', async () => {
    await restart({ verifier: { verify: () => Promise.reject(new TokenKeysUnavailable('10.0.0.7')) } });
    expectAway(await rest.get(path));
  });

  it('report a bug as `internal`, logged, without details in the response', async () => {
    await restart({ queries: new FailingQueries(new Error('column secret_text does not exist')) });
    const answer = await rest.get(path);
    expectProblem(answer, 'internal');
    expect(Object.keys(answer.body)).to.deep.equal(['type', 'title', 'status']);
    const errors = rest.lines.filter(({ level }) => level === 'error');
    expect(errors.map(({ fields }) => (fields.error as Error).message)).to.deep.equal([
      'column secret_text does not exist',
    ]);
  });
});
