import { join } from 'node:path';
import { expect } from 'chai';
import { readConfig } from '../../../../src/infrastructure/config/config.js';
import { topologySettings } from '../../../../src/main/settings/topology-settings.js';
import { variables } from '../../../../src/main/settings.js';
import { projectFolder } from '../../../support/services/services.js';

const read = (environment: Record<string, string>) =>
  readConfig(variables, { environment, file: join(projectFolder, 'no-such-file') });

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;

describe('the settings', () => {
  it('have the defaults of the contract', () => {
    const { values, faults } = read({});
    expect(faults).to.deep.equal([]);
    expect(values).to.deep.include({
      port: 8002,
      opsPort: 8003,
      namespace: 'chat',
      partitions: 8,
      dispatchMaxBytes: 1024 ** 3,
      commandAuth: 'producer',
      tokenExpiryGraceMs: 24 * HOUR,
      receiptRetentionMs: 72 * HOUR,
      receiptTimeoutMs: 5 * SECOND,
      eventRecipientsMax: 256,
      maxCommandAttempts: 3,
      dataDir: '.data',
      logLevel: 'info',
    });
    const unset = ['databaseUrl', 'amqpUrl', 'jwtSecret', 'jwtJwksUrl', 'jwtIssuer', 'jwtAudience', 'logFormat'];
    expect(values).to.not.have.any.keys(...unset);
  });

  it('name the dispatch queue after the namespace by default', () => {
    const queues = (environment: Record<string, string>) => topologySettings(read(environment).values).dispatchQueues;
    expect(queues({})).to.deep.equal([{ name: 'chat.dispatch', bindings: ['#'] }]);
    expect(queues({ CHAT_NAMESPACE: 'talk' })).to.deep.equal([{ name: 'talk.dispatch', bindings: ['#'] }]);
    expect(queues({ DISPATCH_QUEUES: 'none' })).to.deep.equal([]);
    expect(queues({ DISPATCH_QUEUES: 'a=message.#, member.#; b=#.k=v' })).to.deep.equal([
      { name: 'a', bindings: ['message.#', 'member.#'] },
      { name: 'b', bindings: ['#.k=v'] },
    ]);
  });

  it('permit edits without a time limit, unless EDIT_WINDOW sets one for all or single tenants', () => {
    const windows = (value?: string) => {
      const { values, faults } = read(value === undefined ? {} : { EDIT_WINDOW: value });
      expect(faults, value).to.deep.equal([]);
      return ['acme', 'other', 'default'].map((tenantId) => values.editWindowMs(tenantId));
    };
    expect(windows()).to.deep.equal([null, null, null]);
    expect(windows('none')).to.deep.equal([null, null, null]);
    expect(windows('24h')).to.deep.equal([24 * HOUR, 24 * HOUR, 24 * HOUR]);
    expect(windows('acme=15m,other=none,*=24h')).to.deep.equal([900 * SECOND, null, 24 * HOUR]);
    expect(windows(' * = none , acme = 0s ')).to.deep.equal([0, null, null]);
    expect(windows('acme=15m')).to.deep.equal([900 * SECOND, null, null]);
    // A tenant may be called like what every object has.
    expect(read({ EDIT_WINDOW: '*=1s' }).values.editWindowMs('constructor')).to.equal(SECOND);
  });

  const faults: [string, string, RegExp][] = [
    ...['a day', '-1h', '24', 'acme', 'acme=', '=24h', 'acme=none=24h', 'Acme=1h', 'acme=1h,', 'acme=1h;*=2h'].map(
      (value): [string, string, RegExp] => ['EDIT_WINDOW', value, /must be a duration such as 24h, or none, or both/],
    ),
    ['EDIT_WINDOW', 'acme=1h,*=2h,acme=1h', /must name each tenant once, and acme is named twice/],
    ['EDIT_WINDOW', '*=1h,*=2h', /must name each tenant once, and \* is named twice/],
    ['DISPATCH_QUEUES', 'a', /must be name=binding/],
    ['DISPATCH_QUEUES', 'a=', /must be name=binding/],
    ['DISPATCH_QUEUES', 'a=#;', /must be name=binding/],
    ['DISPATCH_QUEUES', '=#', /must be name=binding/],
    ['DISPATCH_QUEUES', `a=${'é'.repeat(128)}`, /must be name=binding/],
    ['DISPATCH_QUEUES', 'a=x;a=y', /must name each queue once/],
    ['CHAT_NAMESPACE', 'a.b', /must be 1 to 32/],
    ['COMMAND_PARTITIONS', '0', /must be a whole number from 1 to 1024/],
    ['DATABASE_URL', 'mysql://u:hunter2@host/x', /must be a URL that starts with postgresql:/],
    ['AMQP_URL', 'localhost:5672', /must be a URL that starts with amqp:/],
    ['JWT_SECRET', 'hunter2', /at least 32 characters/],
    ['COMMAND_AUTH', 'trust', /must be producer or jwt/],
    ['RECEIPT_RETENTION', '3 days', /must be a duration/],
    ['CORS_ORIGINS', 'https://chat.example/', /must be origins/],
    ['LOG_FORMAT', 'xml', /must be json or pretty/],
  ];
  for (const [name, value, reason] of faults)
    it(`refuse ${name}=${value.slice(0, 30)}, in one line without a secret`, () => {
      const { faults: lines } = read({ [name]: value });
      expect(lines).to.have.length(1);
      expect(lines[0]).to.match(reason).and.to.include(name).and.to.not.include('hunter2').and.to.not.include('\n');
    });
});
