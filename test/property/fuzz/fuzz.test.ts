import { expect } from 'chai';
import fc from 'fast-check';
import { play } from './campaign.js';
import { brokerDoor } from './doors/broker-door.js';
import { decoderDoor } from './doors/decoder-door.js';
import { type Door, Finding } from './doors/door.js';
import { realtimeDoor } from './doors/realtime-door.js';
import { restDoor } from './doors/rest-door.js';
import { workerDoor } from './doors/worker-door.js';

const TIMEOUT_MS = 120_000;
/** Longer than the limit of a stall, in microseconds. */
const HELD_UP_US = 300_000;
const SEED = 20_261_120;

/**
 * An entry point with planted bugs: it accepts every number except large ones, and one number changes Object.prototype.
 */
function leaky(spoil: (input: number) => void): Door<number> {
  const take = async (inputs: readonly number[]) =>
    inputs.map((input) => {
      spoil(input);
      return 'accepted';
    });
  return {
    ...{ name: 'decoder', input: fc.nat(10_000), together: 20, perOpening: 200, watchesStalls: true },
    open: async () => ({ take, close: async () => undefined }),
  };
}

describe('Hostile input', function () {
  this.timeout(TIMEOUT_MS);

  async function expectNothingFound<I>(door: Door<I>, inputs: number): Promise<void> {
    const campaign = await play(door, { inputs, seed: SEED });
    const told = campaign.failures.map(
      ({ what, input, seed, path }) => `${what}\n${input}\n--seed ${seed} --path ${path}`,
    );
    expect(told.join('\n'), `--door ${door.name}`).to.equal('');
    expect(campaign.inputs).to.be.at.least(inputs);
    expect(campaign.outcomes.size).to.be.above(3);
  }

  it('is accepted, refused or dead-lettered by the decoder, and not accepted if the published schema refuses it', () =>
    expectNothingFound(decoderDoor, 1_200));

  it('is answered or dead-lettered by a worker, and a valid command among it is accepted', () =>
    expectNothingFound(workerDoor, 400));

  it("is answered by REST as documented, without other users' data and internals", () =>
    expectNothingFound(restDoor, 400));

  it('to a gateway is taken or closes its connection with a documented code, and no other one', () =>
    expectNothingFound(realtimeDoor, 1_000));

  it('over a real broker leaves the worker alive and processing', () => expectNothingFound(brokerDoor, 100));
});

describe('The search for hostile input', function () {
  this.timeout(TIMEOUT_MS);

  it('finds a planted bug, shrinks it, and replays it by seed and path', async () => {
    const door = leaky((input) => {
      if (input >= 7_000) throw new Finding('too large');
    });
    const { failures } = await play(door, { inputs: 1_000, seed: 1 });
    expect(failures).to.have.length(3);
    const [{ seed, path, input } = { seed: 0, path: '', input: '' }] = failures;
    expect(input).to.match(/\b7000\b/);
    const again = await play(door, { inputs: 1, seed, path });
    expect(again.failures.map((failure) => failure.input)).to.deep.equal([input]);
  });

  it('detects a polluted prototype', async () => {
    const shared = Object.prototype as { polluted?: boolean };
    const door = leaky((input) => {
      if (input > 9_000) shared.polluted = true;
    });
    try {
      const { failures } = await play(door, { inputs: 500, seed: 1 });
      expect(failures[0]?.what).to.match(/other properties than before|of a stranger/);
    } finally {
      delete shared.polluted;
    }
  });

  it('detects input that always blocks the event loop, not a single delay', async () => {
    let held = 0;
    const hold = () => {
      // Processor time, because on a busy machine wall time would exceed the limit.
      const { user, system } = process.cpuUsage();
      const end = user + system + HELD_UP_US;
      for (let now = user + system; now < end; ) {
        for (let idle = 0; idle < 100_000; idle += 1);
        const used = process.cpuUsage();
        now = used.user + used.system;
      }
    };
    const once = leaky(() => {
      held += 1;
      if (held === 1) hold();
    });
    expect((await play(once, { inputs: 20, seed: 1 })).failures).to.deep.equal([]);
    const always = { ...leaky(hold), input: fc.constant(0), together: 1, perOpening: 1 };
    const { failures } = await play(always, { inputs: 1, seed: 1 });
    expect(failures[0]?.what).to.match(/held up the event loop/);
  });
});
