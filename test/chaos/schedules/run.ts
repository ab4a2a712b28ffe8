/**
 * `npm run proof -- schedules [--schedules 500] [--seed S] [--from 1]`: random schedules of faults, by seed, in real
 * workers with a real broker and a real database, one after the other on one harness and one ledger. Exits with 1 if a
 * schedule fails or the ledger is not closed.
 */
import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import { print, sum, type Verdict } from '../../support/fleet/ledger.js';
import { mochaGlobalSetup, runProof } from '../../support/hooks.js';
import { FleetHarness } from '../fleet-harness.js';
import { acts, describe, playSchedule, type Schedule, scheduleOf, WORKERS } from './schedule.js';

const HELP = `Usage: npm run proof -- schedules [--schedules N] [--seed S] [--from N]
  --schedules N   how many (default: 500)
  --seed S        what they are drawn by (default: another one each time; it is printed)
  --from N        the number of the first one (default: 1): with --schedules 1, one of them again
`;
/** The ledger is compared after this many schedules, so that a fault belongs to the last few. */
const CHAPTER = 25;
/** After this many failures the run stops. */
const FAILURES_MAX = 5;
const SEEDS = 1_000_000;
const MS_PER_S = 1_000;
/** Keeps the workers busy, and the ledger of half an hour small. */
const LOAD_PAUSE_MS = 50;
const OPTIONS = {
  workers: WORKERS,
  canPause: true,
  partitions: 4,
  chats: 12,
  loadPauseMs: LOAD_PAUSE_MS,
  ownBroker: true,
  ownDatabase: { fsync: 'off' },
};

const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '500' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * SEEDS)) },
    from: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
});
const [count, seed, from] = [Number(values.schedules), Number(values.seed), Number(values.from)];

interface Told {
  times: number;
  withAnother: number;
  seconds: number;
  failed: number;
}

class Run {
  readonly verdicts: Verdict[] = [];
  readonly failures: string[] = [];
  readonly told = new Map<string, Told>();
  private harness: FleetHarness | undefined;
  private sinceSettled: number[] = [];
  private readonly bar = new SingleBar({
    format: '{bar} {value}/{total} schedules, {failed} failed, {eta_formatted} left',
    hideCursor: true,
  });

  async playAll(): Promise<void> {
    if (process.stderr.isTTY) this.bar.start(count, 0, { failed: 0 });
    for (let number = from; number < from + count && this.failures.length < FAILURES_MAX; number += 1) {
      await this.playOne(scheduleOf(seed, number));
      this.bar.increment(1, { failed: this.failures.length });
      const played = number - from + 1;
      if (played % CHAPTER !== 0 && played !== count) continue;
      await this.settle();
      if (!process.stderr.isTTY) console.error(`${played}/${count} schedules, ${this.failures.length} failed`);
      this.harness?.startLoad();
    }
    this.bar.stop();
    await this.leave();
  }

  private async playOne(schedule: Schedule): Promise<void> {
    let began = performance.now();
    let isPlayed = false;
    try {
      this.harness ??= await FleetHarness.open(OPTIONS);
      began = performance.now();
      this.sinceSettled.push(schedule.number);
      await playSchedule(this.harness, schedule);
      isPlayed = true;
    } catch (error) {
      await this.fail([describe(schedule), (error as Error).message, ...(this.harness?.lastLogLines() ?? [])]);
    }
    for (const { name } of schedule.acts) {
      const told = this.told.get(name) ?? { times: 0, withAnother: 0, seconds: 0, failed: 0 };
      told.times += 1;
      if (schedule.acts.length > 1) told.withAnother += 1;
      told.seconds += (performance.now() - began) / MS_PER_S;
      if (!isPlayed) told.failed += 1;
      this.told.set(name, told);
    }
  }

  /** Compares the ledger of this harness, and continues with the harness. */
  private async settle(): Promise<void> {
    if (this.harness === undefined) return;
    const schedules = `schedules ${this.sinceSettled.join(', ')}`;
    try {
      const { faults } = await this.harness.settle();
      this.sinceSettled = [];
      if (faults.length > 0) await this.fail([`the ledger does not close after ${schedules}`, ...faults]);
    } catch (error) {
      await this.fail([`not everything is answered after ${schedules}`, (error as Error).message]);
    }
  }

  /** Prints a failure at once. The next schedule gets a new harness, because the state of the old one is unknown. */
  private async fail(lines: readonly string[]): Promise<void> {
    this.failures.push(lines.join('\n'));
    console.log(`seed ${seed}, ${lines.join('\n  ')}`);
    await this.leave();
  }

  private async leave(): Promise<void> {
    const { harness } = this;
    this.harness = undefined;
    this.sinceSettled = [];
    if (harness === undefined) return;
    const { fleet } = harness;
    const { ledger, databaseUrl } = fleet;
    const tell = (error: Error) => console.log(`  ${error.message}`);
    // Also before a harness is discarded: only commands without a receipt after a repeat may be lost.
    await harness.load.stop().catch(tell);
    await fleet.allAnsweredAfterAsking().catch(tell);
    await ledger.close(databaseUrl).then(
      (verdict) => this.verdicts.push(verdict),
      (error: Error) => console.log(`  no verdict: ${error.message}`),
    );
    await harness.close().catch((error: Error) => console.log(`  the harness did not close: ${error.message}`));
  }
}

function tell({ told, verdicts, failures }: Run, seconds: number): number {
  console.log(
    `\n${'act'.padEnd(18)}${'played'.padStart(8)}${'with another'.padStart(14)}${'mean s'.padStart(8)}${'failed'.padStart(8)}`,
  );
  for (const { name } of acts) {
    const {
      times,
      withAnother,
      seconds: all,
      failed,
    } = told.get(name) ?? { times: 0, withAnother: 0, seconds: 0, failed: 0 };
    const mean = times === 0 ? '' : (all / times).toFixed(1);
    const cells = [
      String(times).padStart(8),
      String(withAnother).padStart(14),
      mean.padStart(8),
      String(failed).padStart(8),
    ];
    console.log(`${name.padEnd(18)}${cells.join('')}`);
  }
  const each = (seconds / count).toFixed(1);
  console.log(
    `\nseed ${seed}, schedules ${from} to ${from + count - 1}: ${seconds.toFixed(0)} s, ${each} s each; ${failures.length} failures`,
  );
  const total = sum(verdicts);
  return (total === undefined ? 1 : print(total)) || (failures.length > 0 ? 1 : 0);
}

if (values.help || ![count, seed, from].every((number) => Number.isSafeInteger(number) && number > 0)) {
  process.stdout.write(HELP);
  if (!values.help) process.exitCode = 1;
} else {
  console.log(`seed ${seed}: repeat this run with --seed ${seed}`);
  await runProof(async () => {
    mochaGlobalSetup();
    const began = performance.now();
    const run = new Run();
    await run.playAll();
    return tell(run, (performance.now() - began) / MS_PER_S);
  });
}
