/**
 * `npm run proof -- faults [-- --only NAME] [--rounds N] [--json]`: injects every fault, compares a ledger after each,
 * and prints the outcomes. Rows that are covered by existing tests run these tests. Exits with 1 if one fails.
 */
import { parseArgs } from 'node:util';
import { print, sum, type Verdict } from '../../support/fleet/ledger.js';
import { mochaGlobalSetup, runProof } from '../../support/hooks.js';
import { FleetHarness } from '../fleet-harness.js';
import { scenarios } from '../scenarios/all.js';
import type { Scenario } from '../scenarios/scenario.js';
import { otherRows, runRow } from './other-rows.js';
import { type Row, tableOf } from './table.js';

const HELP = `Usage: npm run proof -- faults [-- --only NAME]... [--rounds N] [--json]
  --only NAME   only the faults whose names begin with NAME
  --rounds N    how often each fault is injected, on one ledger (default: 1)
  --json        one line of JSON for each fault, and one for the total
`;
const MS_PER_S = 1_000;

interface Line {
  row: Row;
  name: string;
  what: string;
  schedules: number;
  /** Missing if the row has no ledger, or failed before the comparison. */
  verdict?: Verdict;
  faults: string[];
  /** Why it could not run on this machine. */
  skipped?: string;
  seconds: number;
}

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);

async function play(scenario: Scenario): Promise<Line> {
  const { row, name, what } = scenario;
  const line: Line = { row, name, what, schedules: 0, faults: [], seconds: 0 };
  const skipped = scenario.skipReason?.();
  if (skipped !== undefined) return { ...line, skipped };
  const began = performance.now();
  let harness: FleetHarness | undefined;
  try {
    harness = await FleetHarness.open(scenario.harness);
    for (let round = 0; round < rounds; round += 1) {
      await scenario.play(harness, round);
      line.schedules += 1;
    }
    Object.assign(line, await harness.settle());
  } catch (error) {
    line.faults.push((error as Error).message, ...(harness?.lastLogLines() ?? []));
  }
  await harness?.close().catch((error: Error) => line.faults.push(error.message));
  line.seconds = (performance.now() - began) / MS_PER_S;
  return line;
}

function tell(line: Line): void {
  if (values.json) {
    console.log(JSON.stringify(line));
    return;
  }
  const { row, name, what, schedules, verdict, faults, skipped, seconds } = line;
  const outcome =
    skipped !== undefined ? 'SKIPPED' : faults.length > 0 ? 'FAILED' : verdict === undefined ? 'passed' : 'closed';
  const counts = verdict === undefined ? '' : `${verdict.attempted} commands, ${verdict.dispatched} events`;
  console.log(
    `${outcome.padEnd(7)} ${name.padEnd(32)} ${String(schedules).padStart(4)} x ${seconds.toFixed(1).padStart(6)} s  ${counts}`,
  );
  console.log(`        ${row}: ${what}`);
  if (skipped !== undefined) console.log(`        ! not run: ${skipped}`);
  for (const fault of faults) console.log(`        ! ${fault}`);
}

/** The table of faults: each row with its state, and the names of its scenarios and tests. */
function tellRows(lines: readonly Line[]): void {
  console.log('');
  for (const { row, state, by } of tableOf(lines))
    console.log(`${state.padEnd(10)} ${row}\n           ${by.join(', ') || 'no scenario'}`);
}

async function report(): Promise<number> {
  const isChosen = ({ name }: { name: string }) =>
    values.only.length === 0 || values.only.some((prefix) => name.startsWith(prefix));
  const [played, others] = [scenarios.filter(isChosen), otherRows.filter(isChosen)];
  if (played.length + others.length === 0) {
    console.error(`no fault is named ${values.only.join(', ')}`);
    return 1;
  }
  mochaGlobalSetup();
  const lines: Line[] = [];
  for (const scenario of played) {
    lines.push(await play(scenario));
    tell(lines.at(-1) as Line);
  }
  for (const row of others) {
    lines.push(await runRow(row));
    tell(lines.at(-1) as Line);
  }
  const failed = lines.filter(({ faults }) => faults.length > 0).length;
  const skipped = lines.filter((line) => line.skipped !== undefined).length;
  const schedules = lines.reduce((count, line) => count + line.schedules, 0);
  if (!values.json) {
    if (values.only.length === 0) tellRows(lines);
    console.log(
      `\n${lines.length} faults, ${schedules} schedules, ${failed} failed, ${skipped} skipped; sum of all ledgers:`,
    );
  }
  const total = sum(lines.flatMap(({ verdict }) => verdict ?? []));
  const closed = total === undefined ? 0 : print(total, { json: values.json });
  return failed > 0 ? 1 : closed;
}

if (values.help || !Number.isInteger(rounds) || rounds < 1) {
  process.stdout.write(HELP);
  if (!values.help) process.exitCode = 1;
} else {
  await runProof(report);
}
