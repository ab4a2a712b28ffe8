import { execFile } from 'node:child_process';
import { mock } from 'node:test';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { MemoryQuotas } from '../../../../src/adapters/quotas/memory-quotas.js';
import { WindowCounts } from '../../../../src/adapters/quotas/window-counts.js';
import type { CountedCommand, Quota } from '../../../../src/application/ports/quotas.js';
import { commandTypes } from '../../../../src/contract/messages/commands.js';

const quota = (over: Partial<Quota> = {}): Quota => ({
  ...{ id: 'sends', per: 'actor', actions: ['message.send'], limit: 3, windowMs: 10_000 },
  ...over,
});

const by = (keys: Partial<CountedCommand['keys']>, type: CountedCommand['type'] = 'message.send'): CountedCommand => ({
  type,
  keys: { actor: 'default alice', chat: 'default c1', tenant: 'default', producer: 'unnamed', ...keys },
  isMember: true,
});

const ALICE = by({});
const BOB = by({ actor: 'default bob' });

/** What each is answered: `null`, or the quota's id and when to try again. */
async function ask(quotas: MemoryQuotas, ...commands: CountedCommand[]): Promise<(string | null)[]> {
  const results = await quotas.takeAll(commands);
  return results.map(({ over }) => (over === null ? null : `${over.quota.id} ${over.retryAfterSeconds}`));
}

/** Takes from the chat's quotas for each command that is let through, and counts it. */
async function use(quotas: MemoryQuotas, ...commands: CountedCommand[]): Promise<void> {
  const verdicts = await quotas.takeAll(commands);
  const rooms = verdicts.flatMap((verdict) => verdict.reservations);
  for (const room of rooms) {
    room.left -= 1;
    room.taken += 1;
  }
  await quotas.count(new Set(rooms));
}

describe('Quotas counted in memory', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.parse('2026-11-20T20:15:00Z') }));
  afterEach(() => mock.timers.reset());

  it('accepts commands up to the limit, then reports the end of the window', async () => {
    const quotas = new MemoryQuotas([quota()]);
    expect(await ask(quotas, ALICE, ALICE)).to.deep.equal([null, null]);
    mock.timers.tick(2_500);
    expect(await ask(quotas, ALICE, ALICE, ALICE)).to.deep.equal([null, 'sends 8', 'sends 8']);
    mock.timers.tick(7_499);
    expect(await ask(quotas, ALICE)).to.deep.equal(['sends 1']);
    mock.timers.tick(1);
    expect(await ask(quotas, ALICE, ALICE, ALICE, ALICE)).to.deep.equal([null, null, null, 'sends 10']);
  });

  it('never reports a wait longer than a window, even if the clock is set back', async () => {
    const quotas = new MemoryQuotas([quota({ limit: 1 })]);
    await ask(quotas, ALICE);
    mock.timers.setTime(Date.parse('2026-11-20T19:15:00Z'));
    expect(await ask(quotas, ALICE)).to.deep.equal(['sends 10']);
  });

  it('counts each key separately', async () => {
    const quotas = new MemoryQuotas([quota({ limit: 1 })]);
    const elsewhere = by({ actor: 'acme alice', tenant: 'acme' });
    expect(await ask(quotas, ALICE, BOB, elsewhere)).to.deep.equal([null, null, null]);
    expect(await ask(quotas, ALICE, BOB, elsewhere)).to.deep.equal(['sends 10', 'sends 10', 'sends 10']);
  });

  const keys: [Quota['per'], CountedCommand, CountedCommand][] = [
    ['actor', BOB, by({ chat: 'default c2', producer: 'app other' })],
    ['tenant', by({ tenant: 'acme' }), by({ actor: 'default bob', chat: 'default c2', producer: 'app other' })],
    ['producer', by({ producer: 'user shop' }), by({ actor: 'acme bob', tenant: 'acme', chat: 'acme c2' })],
  ];
  for (const [per, free, full] of keys)
    it(`counts by ${per} if configured`, async () => {
      const quotas = new MemoryQuotas([quota({ per, limit: 1 })]);
      await ask(quotas, ALICE);
      expect(await ask(quotas, free, full)).to.deep.equal([null, 'sends 10']);
    });

  it('ignores other actions, and commands without its key', async () => {
    const quotas = new MemoryQuotas([quota({ per: 'tenant', limit: 1 })]);
    const others = [by({}, 'message.edit'), by({}, null), by({ tenant: null })];
    expect(await ask(quotas, ALICE, ...others, ...others)).to.deep.equal([null, null, null, null, null, null, null]);
  });

  it('counts invalid commands if it applies to all commands', async () => {
    const quotas = new MemoryQuotas([quota({ actions: commandTypes, limit: 1 })]);
    expect(await ask(quotas, by({}, null), ALICE)).to.deep.equal([null, 'sends 10']);
  });

  it('takes nothing from other quotas for a command that one quota refuses', async () => {
    const perActor = quota({ id: 'each', limit: 1 });
    const perTenant = quota({ id: 'all', per: 'tenant', limit: 3 });
    for (const order of [
      [perActor, perTenant],
      [perTenant, perActor],
    ]) {
      const quotas = new MemoryQuotas(order);
      expect(await ask(quotas, ALICE, ALICE, ALICE, ALICE)).to.deep.equal([null, 'each 10', 'each 10', 'each 10']);
      const carol = by({ actor: 'default carol' });
      const dave = by({ actor: 'default dave' });
      expect(await ask(quotas, BOB, carol, dave)).to.deep.equal([null, null, 'all 10']);
      // Nor is dave's own used up.
      expect(await ask(quotas, by({ actor: 'default dave', tenant: 'acme' }))).to.deep.equal([null]);
    }
  });

  it('reports the quota that stays exceeded longest', async () => {
    const quotas = new MemoryQuotas([
      quota({ id: 'hourly', limit: 2, windowMs: 3_600_000 }),
      quota({ id: 'burst', limit: 2, windowMs: 1_000 }),
    ]);
    expect(await ask(quotas, ALICE, ALICE, ALICE)).to.deep.equal([null, null, 'hourly 3600']);
  });

  it('never exceeds the limit with concurrent batches of several partitions', async () => {
    const quotas = new MemoryQuotas([quota({ limit: 5 }), quota({ id: 'all', per: 'tenant', limit: 7 })]);
    const batches = await Promise.all(Array.from({ length: 4 }, () => ask(quotas, ALICE, ALICE, BOB)));
    const through = batches.flat().filter((answer) => answer === null);
    expect(through).to.have.length(7);
  });

  it('applies a replaced policy at once; an unchanged quota keeps its counts', async () => {
    const daily = quota({ id: 'daily', limit: 1, windowMs: 86_400_000, actions: ['chat.create'] });
    const quotas = new MemoryQuotas([quota({ limit: 1 }), daily]);
    expect(await ask(quotas, ALICE, by({}, 'chat.create'))).to.deep.equal([null, null]);
    // More actions, the same quota; and a new limit, another quota.
    quotas.replace([{ ...daily, actions: ['chat.create', 'chat.update'] }, quota({ limit: 2 })]);
    expect(await ask(quotas, by({}, 'chat.create'), by({}, 'chat.update'))).to.deep.equal([
      'daily 86400',
      'daily 86400',
    ]);
    expect(await ask(quotas, ALICE, ALICE, ALICE)).to.deep.equal([null, null, 'sends 10']);
    quotas.replace([]);
    expect(await ask(quotas, ALICE)).to.deep.equal([null]);
  });

  it('removes the oldest windows above the maximum number of keys', async () => {
    const quotas = new MemoryQuotas([quota({ limit: 1 })], 2);
    const carol = by({ actor: 'default carol' });
    expect(await ask(quotas, ALICE, BOB, carol)).to.deep.equal([null, null, null]);
    expect(await ask(quotas, BOB, carol)).to.deep.equal(['sends 10', 'sends 10']);
    expect(await ask(quotas, ALICE)).to.deep.equal([null]);
  });
});

describe('Quotas per chat counted in memory', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.parse('2026-11-20T20:15:00Z') }));
  afterEach(() => mock.timers.reset());

  const perChat = (over: Partial<Quota> = {}) => quota({ per: 'chat', ...over });
  const STRANGER = { ...ALICE, isMember: false };
  async function roomFor(quotas: MemoryQuotas, command: CountedCommand): Promise<(string | number)[]> {
    const [verdict] = await quotas.takeAll([command]);
    return verdict?.reservations.flatMap(({ quota: { id }, left, waitMs }) => [id, left, waitMs]) ?? [];
  }

  it('are not used by a check, which reports the remaining units and the end of the window', async () => {
    const quotas = new MemoryQuotas([perChat()]);
    for (const command of [ALICE, STRANGER, BOB])
      expect(await roomFor(quotas, command)).to.deep.equal(['sends', 3, 10_000]);
    await use(quotas, ALICE, BOB);
    mock.timers.tick(4_000);
    expect(await roomFor(quotas, ALICE)).to.deep.equal(['sends', 1, 6_000]);
    mock.timers.tick(6_000);
    expect(await roomFor(quotas, ALICE)).to.deep.equal(['sends', 3, 10_000]);
  });

  it('reject only known members; for others they report the remaining units', async () => {
    const quotas = new MemoryQuotas([perChat()]);
    await use(quotas, ALICE, ALICE, ALICE);
    mock.timers.tick(2_500);
    expect(await ask(quotas, ALICE, STRANGER, by({ chat: 'default c2' }))).to.deep.equal(['sends 8', null, null]);
    expect(await roomFor(quotas, STRANGER)).to.deep.equal(['sends', 0, 7_500]);
    expect(await roomFor(quotas, by({ chat: null }))).to.deep.equal([]);
    expect(await roomFor(quotas, by({}, 'message.edit'))).to.deep.equal([]);
  });

  it('share the remaining units among commands that are checked together', async () => {
    const quotas = new MemoryQuotas([perChat()]);
    const [alice, bob, elsewhere] = await quotas.takeAll([ALICE, BOB, by({ chat: 'default c2' })]);
    expect(alice?.reservations[0]).to.equal(bob?.reservations[0]);
    expect(alice?.reservations[0]).not.to.equal(elsewhere?.reservations[0]);
  });

  it('count what was taken once, and nothing for a replaced quota', async () => {
    const quotas = new MemoryQuotas([perChat()]);
    const rooms = (await quotas.takeAll([ALICE])).flatMap((verdict) => verdict.reservations);
    for (const room of rooms) room.taken = 2;
    await quotas.count(rooms);
    await quotas.count(rooms);
    expect(await roomFor(quotas, ALICE)).to.deep.equal(['sends', 1, 10_000]);
    for (const room of rooms) room.taken = 1;
    quotas.replace([perChat({ limit: 4 })]);
    await quotas.count(rooms);
    expect(await roomFor(quotas, ALICE)).to.deep.equal(['sends', 4, 10_000]);
  });

  it('take nothing from other quotas for a rejected member', async () => {
    const quotas = new MemoryQuotas([quota({ id: 'each', limit: 1 }), perChat({ limit: 1 })]);
    await use(quotas, BOB);
    expect(await ask(quotas, ALICE, ALICE, STRANGER)).to.deep.equal(['sends 10', 'sends 10', null]);
  });
});

describe('The windows of one quota', () => {
  beforeEach(() => mock.timers.enable({ apis: ['Date'], now: Date.parse('2026-11-20T20:15:00Z') }));
  afterEach(() => mock.timers.reset());

  it('are limited in number, and are removed after they end', () => {
    const counts = new WindowCounts(1, 10_000, 100);
    for (let key = 0; key < 1_000; key += 1) counts.take(`key ${key}`);
    expect(counts.size).to.equal(100);
    expect(counts.room('key 999').left).to.equal(0);
    expect(counts.room('key 899').left).to.equal(1);
    mock.timers.tick(10_000);
    for (let key = 0; key < 20; key += 1) counts.take(`new ${key}`);
    expect(counts.size).to.equal(20);
    expect(counts.room('new 0').left).to.equal(0);
  });
});

describe('Counting for quotas', () => {
  it('does not keep the process running', async () => {
    const module = new URL('../../../../src/adapters/quotas/memory-quotas.js', import.meta.url);
    const day = JSON.stringify(quota({ windowMs: 86_400_000 }));
    const program = `
      const { MemoryQuotas } = await import(${JSON.stringify(module)});
      console.log(await new MemoryQuotas([${day}]).takeAll([${JSON.stringify(ALICE)}]));`;
    const ended = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
      timeout: 20_000,
    });
    expect(ended.stdout.trim()).to.equal('[ { over: null, reservations: [] } ]');
  });
});
