import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { v4 } from 'uuid';
import { Fleet } from '../../support/fleet/fleet.js';
import { faultsOf } from '../../support/fleet/ledger.js';
import type { TestProcess } from '../../support/fleet/processes.js';
import { policyWithoutQuotas } from '../../support/policies/policy-with.js';
import { scratchFolder } from '../../support/services/services.js';

const ours = readFileSync(policyWithoutQuotas(), 'utf8');
const NO_LINKS = `
rules:
  - id: no-links
    effect: deny
    actions: [message.send]
    when: { text.hasLinks: true }
    reason: No links here.
`;
/** Sent around each signal, without waiting for receipts. */
const SENT_MEANWHILE = 300;

describe('A worker that reads its policy again on SIGHUP', function () {
  this.timeout(60_000);
  let fleet: Fleet;
  let worker: TestProcess;
  let file: string;
  let group: { chatId: string; users: string[] };

  before(async () => {
    file = join(scratchFolder('policy'), 'policy.yaml');
    writeFileSync(file, ours);
    fleet = await Fleet.create({ partitions: 2, env: { POLICY_FILE: file, DECISION_SAMPLE_RATE: '1' } });
    worker = await fleet.startWorker();
    await worker.ready();
    await fleet.connect();
    group = await fleet.createGroup(1);
  });
  after(() => fleet?.close());

  const sending = (body: string) => ({
    ...{
      type: 'message.send',
      commandId: v4(),
      actorId: group.users[1] as string,
      chatId: group.chatId,
      data: { body },
    },
  });
  const answer = async (body: string) => {
    const { status, reason } = await fleet.producer.request(sending(body));
    return reason?.detail ?? status;
  };
  /** Signals in the middle of a stream of commands. */
  const hangUp = async (policy: string, pattern: RegExp) => {
    const told = worker.stderr.length;
    writeFileSync(file, policy);
    for (let i = 0; i < SENT_MEANWHILE; i += 1) {
      if (i === SENT_MEANWHILE / 2) worker.send('SIGHUP');
      await fleet.producer.publish(sending(`message ${i}`));
    }
    await worker.line(pattern);
    await fleet.allAnswered();
    return worker.stderr.slice(told).filter((line) => line.includes('policy'));
  };

  it('decides by the new policy afterwards, and drops no command', async () => {
    expect(await answer('https://a.example')).to.equal('accepted');
    await hangUp(ours.replace('\nrules:\n', NO_LINKS), /policy replaced/);
    expect(await answer('https://a.example')).to.equal('no-links: No links here.');
    expect(await answer('a.example')).to.equal('accepted');
  });

  it('refuses an invalid policy with line and column, and keeps the present one', async () => {
    const lines = await hangUp(ours.replace('effect: permit', 'effect: allow'), /the new policy is refused/);
    const fault = `${file}:${ours.slice(0, ours.indexOf('effect: permit')).split('\n').length}:5: rules.0.effect: `;
    expect(lines.join('\n')).to.contain(fault);
    expect(await answer('https://a.example')).to.equal('no-links: No links here.');
  });

  it('stores each used policy, and records its version with each decision', async () => {
    const policies = await fleet.query<{ version: string; source: string }>('SELECT version, source FROM policies');
    expect(policies.map(({ source }) => source)).to.have.members([ours, ours.replace('\nrules:\n', NO_LINKS)]);
    const decisions = await fleet.query<{ version: string; effect: string; count: number }>(
      `SELECT policy_version AS version, effect, count(*)::int FROM decisions WHERE action = 'message.send' GROUP BY 1, 2`,
    );
    expect(decisions.map(({ version }) => version)).to.include.members(policies.map(({ version }) => version));
    expect(decisions.find(({ effect }) => effect === 'deny')).to.include({ count: 2 });
    const total = decisions.reduce((sum, { count }) => sum + count, 0);
    expect(total).to.equal(2 * SENT_MEANWHILE + 4);
  });

  it('loses, doubles and reorders nothing', async () => {
    expect(faultsOf(await fleet.ledger.close(fleet.databaseUrl))).to.deep.equal([]);
  });

  it('does not start with an invalid policy, and reports line and column', async () => {
    const other = await fleet.startWorker();
    const { code } = await other.ended;
    expect({ code, told: other.stderr.filter((line) => !line.startsWith('{')).join() }).to.deep.equal({
      code: 1,
      told: `parley: ${file}:${ours.slice(0, ours.indexOf('effect: permit')).split('\n').length}:5: rules.0.effect: must be permit or deny`,
    });
  });
});
