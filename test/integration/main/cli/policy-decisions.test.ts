import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { REPLAY_PAGE } from '../../../../src/application/policy/decisions/replay-decisions.js';
import { newOrderedId } from '../../../../src/application/runtime/ordered-id.js';
import { readPolicyFile } from '../../../../src/main/policy/policy-file.js';
import { policyTrusting } from '../../../support/policies/default-policy.js';
import { emptyDatabase, scratchFolder } from '../../../support/services/services.js';
import { add, CHANNEL, create, GROUP, NOWHERE, send, upsert } from '../../../unit/application/commands/drafts.js';
import { DecidedStore } from '../../prisma/decided-store.js';
import { type CliEnd, cli } from './run-cli.js';
import { warmCli } from './warm-cli.js';

/** Many starts of a program, one after the other. */
const TEST_TIMEOUT_MS = 120_000;
/** As of a permit that is not in the sample. */
const NO_DECISION = `${newOrderedId().slice(0, -6)}ffffff`;

describe('parley policy explain, replay and can', function () {
  this.timeout(TEST_TIMEOUT_MS);
  let store: DecidedStore;
  let refused = '';
  const policy = readPolicyFile();

  before(async () => {
    store = await DecidedStore.open();
    store.now = new Date();
    await store.store.decisions.savePolicy(policy.document.version, policy.source);
    await store.given(
      create('alice', GROUP, ['bob']),
      create('alice', CHANNEL, ['bob'], { kind: 'channel' }),
      add('alice', GROUP, ['rita'], 'reader'),
    );
    const robo = upsert('robo', { displayName: 'Robo', kind: 'bot' }, { properties: { userId: 'directory' } });
    expect((await store.answer(robo, policyTrusting('directory'))).status).to.equal('accepted');
    refused = (await store.answer(send('rita', GROUP))).decisionId ?? '';
    expect((await store.answer(send('bob', CHANNEL))).status).to.equal('rejected');
  });
  after(() => store.close());

  const run = (...args: string[]) => warmCli(['policy', ...args], { DATABASE_URL: store.url });
  const can = (...args: string[]) => run('can', ...args);
  const aFile = (rules: string, name = 'draft.yaml') => {
    const file = join(scratchFolder('policy'), name);
    writeFileSync(file, `parley-policy: 1\nversion: draft\nrules:\n${rules}\n`);
    return file;
  };
  const said = ({ stdout }: CliEnd) => stdout.join('\n');

  it('refuse invalid arguments in one line', async () => {
    const draft = aFile(' []');
    const alice = ['--actor', 'alice', '--do'];
    const cases: [string[], RegExp][] = [
      [
        ['explain', NO_DECISION],
        /^parley: there is no decision .*: permits are sampled \(DECISION_SAMPLE_RATE=0\.01\), and this permit was not kept/,
      ],
      [['explain', 'x'], /It must be a decision id\.$/],
      [['replay', '--policy', draft], /required option '--since <duration>' not specified$/],
      [['replay', '--since', '24h'], /required option '--policy <file>' not specified$/],
      [['replay', '--policy', draft, '--since', 'long'], /It must be a duration such as .*$/],
      [['replay', '--policy', draft, '--since', '1h', '--limit', '0'], /It must be a whole number, 1 or more\.$/],
      [['replay', '--policy', `${draft}.none`, '--since', '1h'], /the policy .*none cannot be read: ENOENT/],
      [['replay', '--policy', aFile('  - 1'), '--since', '1h'], /draft\.yaml:4:5: /],
      [['can', ...alice, 'message.sned'], /--do message\.sned: unknown action; the actions are user\.upsert, /],
      [['can', ...alice, 'message.send'], /^parley: message\.send is about a chat: --chat must name it$/],
      [['can', ...alice, 'user.upsert', '--chat', GROUP], /user\.upsert is not about an existing chat/],
      [['can', ...alice, 'message.send', '--chat', NOWHERE], new RegExp(`tenant default has no chat ${NOWHERE}$`)],
      [['can', ...alice, 'message.send', '--chat', GROUP, '--tenant', 'acme'], /tenant acme has no chat /],
      [['can', ...alice, 'message.edit', '--chat', GROUP, '--attribute', 'x'], /--attribute x: must be name=value$/],
      [['can', ...alice, 'user.upsert', '--attribute', 'x=1'], /--attribute x=1: there is no such attribute$/],
      [
        ['can', ...alice, 'user.upsert', '--attribute', 'role=owner'],
        /role=owner: is not an attribute of user\.upsert$/,
      ],
      [['can', ...alice, 'user.upsert', '--attribute', 'actor.userId=x'], /is set by --actor and --tenant$/],
      [['can', ...alice, 'user.upsert', '--attribute', 'profile.isActor=1'], /must be true or false$/],
      [['can', ...alice, 'message.edit', '--chat', GROUP, '--attribute', 'message.ageMs=old'], /must be a duration/],
      [
        ['can', ...alice, 'member.add', '--chat', GROUP, '--attribute', 'grantedRole=king'],
        /must be one of owner, .*, none$/,
      ],
    ];
    for (const [args, expected] of cases) {
      const { code, stdout, stderr } = await run(...args);
      expect({ code, stdout }, stderr.join('\n')).to.deep.equal({ code: 1, stdout: [] });
      expect(stderr, stderr.join('\n')).to.have.length(1);
      expect(stderr[0]).to.match(expected);
    }
    const { code, stderr } = await cli(['policy', 'explain', NO_DECISION], { DATABASE_URL: await emptyDatabase() });
    expect([code, stderr.length]).to.deep.equal([1, 1]);
    expect(stderr[0]).to.match(/is not migrated/);
  });

  it('explain a decision, one sentence per line', async () => {
    const { code, stdout, stderr } = await run('explain', refused);
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: [] });
    expect(stdout).to.have.length(4);
    expect(stdout[0]).to.match(
      /^On .* rita \(a human, reader in the chat\) of tenant default asked for message\.send in chat /,
    );
    expect(stdout.slice(1)).to.deep.equal([
      `Policy ${policy.document.version} refuses this: no rule permits it.`,
      'Rule members-post (Members write in direct chats and groups; readers read.) would permit it if role were owner, admin or member (it is reader).',
      'Rule owners-and-admins-post-in-channels (Owners and admins write in channels.) would permit it if role were owner or admin (it is reader) and chat.kind were channel (it is group).',
    ]);
  });

  it('list decisions that a draft changes, as text and as JSON', async () => {
    const draft = aFile(
      '  - { id: all, effect: permit, actions: [message.send], subject: { role: reader }, reason: x }',
    );
    const { code, stdout, stderr } = await run('replay', '--policy', draft, '--since', '1h');
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: [] });
    expect(stdout[0]).to.match(/^policy draft@[0-9a-f]{12} on the decisions since /);
    expect(stdout.slice(1, -1)).to.deep.equal([
      ...['', 'deny → permit: 1', '  recorded: no rule permitted it', '  draft:    all', `  examples: ${refused}`, ''],
      '2 decisions checked: 2 refusals, 0 permits',
      '1 would change: 0 from permit to deny, 1 from deny to permit',
    ]);
    expect(stdout.at(-1)).to.include('and a sample of the others');
    const json = JSON.parse(said(await run('replay', '--policy', draft, '--since', '1h', '--json')));
    expect(json).to.deep.include({ decisions: 2, permits: 0, denies: 2, toDeny: 0, toPermit: 1, note: stdout.at(-1) });
    expect(json.flips).to.deep.equal([
      { from: 'deny', to: 'permit', recordedRule: null, draftRule: 'all', count: 1, examples: [refused] },
    ]);
    expect(said(await run('replay', '--policy', aFile(' []'), '--since', '1h'))).to.include('0 would change');
  });

  it('read more decisions than a page, up to the limit', async () => {
    const decision = await store.store.decisions.find(refused);
    if (decision === null) throw new Error('the decision is gone');
    const { attributesDigest: _, ...record } = decision;
    await store.store.decisions.record(
      Array.from({ length: REPLAY_PAGE }, () => ({ ...record, decisionId: newOrderedId(), tenantId: 'acme' })),
    );
    const draft = aFile(
      '  - { id: all, effect: permit, actions: [message.send], subject: { role: reader }, reason: x }',
    );
    const all = await run('replay', '--policy', draft, '--since', '1h');
    expect(all.stdout.at(-2)).to.equal(
      `${REPLAY_PAGE + 1} would change: 0 from permit to deny, ${REPLAY_PAGE + 1} from deny to permit`,
    );
    const some = await run('replay', '--policy', draft, '--since', '1h', '--limit', '5');
    expect(some.stdout.at(-3)).to.equal('5 decisions checked: 5 refusals, 0 permits');
  });

  it('decide with the data of the database, and print the rule or the missing conditions', async () => {
    const yes = await can('--actor', 'bob', '--do', 'message.send', '--chat', GROUP);
    expect(yes).to.deep.equal({
      code: 0,
      stdout: [
        'yes',
        `Policy ${policy.document.version} permits this by rule members-post (Members write in direct chats and groups; readers read.).`,
        'It requires that role be owner, admin or member (it is member) and chat.kind be direct or group (it is group).',
      ],
      stderr: [],
    });
    const no = await can('--actor', 'bob', '--do', 'message.send', '--chat', CHANNEL);
    expect([no.code, no.stdout[0], no.stderr]).to.deep.equal([3, 'no', []]);
    expect(said(no)).to.include('role were owner or admin (it is member)').and.to.not.include('Not known');
    const outsider = await can('--actor', 'mallory', '--do', 'message.send', '--chat', GROUP);
    expect([outsider.code, outsider.stdout[0]]).to.deep.equal([3, 'no']);
    expect(said(outsider)).to.include('(it is none)');
  });

  it('accept further attributes, and assume no others', async () => {
    const edit = ['--actor', 'bob', '--do', 'message.edit', '--chat', GROUP];
    const unknown = await can(...edit);
    expect(unknown.code).to.equal(3);
    expect(unknown.stdout.at(-1)).to.equal(
      'Unknown attributes, which --attribute can set: message.isSender, message.withinEditWindow.',
    );
    const given = await can(
      ...edit,
      '--attribute',
      'message.isSender=true',
      '--attribute',
      'message.withinEditWindow=true',
    );
    expect([given.code, given.stdout[0]]).to.deep.equal([0, 'yes']);
    const late = await can(
      ...edit,
      '--attribute',
      'message.isSender=true',
      '--attribute',
      'message.withinEditWindow=false',
    );
    expect([late.code, late.stdout[1]]).to.deep.equal([
      3,
      `Policy ${policy.document.version} refuses this: rule edit-window forbids it (The edit window has ended.).`,
    ]);
    const adding = ['--actor', 'bob', '--do', 'member.add', '--chat', GROUP, '--attribute', 'role=admin'];
    const codes = await Promise.all(
      ['owner', 'admin', 'none'].map(async (role) => (await can(...adding, '--attribute', `grantedRole=${role}`)).code),
    );
    expect(codes).to.deep.equal([3, 0, 3]);
    expect((await can('--actor', 'bob', '--do', 'chat.create', '--attribute', 'chat.kind=group')).code).to.equal(0);
    expect((await can('--actor', 'bob', '--do', 'chat.create')).code).to.equal(3);
  });

  it('use another policy, the profile, and claims and chats that the rules name', async () => {
    const draft = aFile(`
  - { id: bots, effect: permit, actions: [message.send], subject: { actor.kind: bot, role: none }, when: { chat.kind: group }, reason: x }
  - { id: teams, effect: permit, actions: [message.send], subject: { actor.token.team: blue }, reason: x }
  - { id: guests, effect: deny, actions: [message.send], subject: { actor.claims.guest: true }, reason: x }`);
    const sending = ['--do', 'message.send', '--chat', GROUP, '--policy', draft];
    expect((await can('--actor', 'robo', ...sending)).stdout[0]).to.equal('yes');
    const guest = await can('--actor', 'robo', ...sending, '--attribute', 'actor.claims.guest=true');
    expect(guest.code).to.equal(3);
    expect(guest.stdout[1]).to.match(/rule guests forbids it/);
    const bob = await can('--actor', 'bob', ...sending);
    expect(bob.code).to.equal(3);
    expect(said(bob)).to.include('actor.token.team were blue (it is unknown)').and.to.include('(it is human)');
    expect((await can('--actor', 'bob', ...sending, '--attribute', 'actor.token.team=blue')).code).to.equal(0);
  });

  it("show that the chat's state refused a permitted command", async () => {
    const { decisionId } = await store.answer(create('bob', GROUP, []));
    const { code, stdout } = await run('explain', decisionId ?? '');
    expect(code).to.equal(0);
    expect(stdout[1]).to.match(/^Policy .* permits this by rule everyone-creates-chats/);
    expect(stdout.at(-1)).to.equal(
      'The command was refused because of the state of its chat, not by the policy: conflict (The command conflicts with existing data).',
    );
  });
});
