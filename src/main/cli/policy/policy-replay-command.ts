import { CaslDecisionPoint } from '../../../adapters/policy/casl-decision-point.js';
import { PrismaDecisionLog } from '../../../adapters/stores/prisma/log/prisma-decision-log.js';
import {
  type Flip,
  REPLAY_PAGE,
  type Replay,
  replayDecisions,
} from '../../../application/policy/decisions/replay-decisions.js';
import { PolicyCache } from '../../../application/policy/policy-cache.js';
import { documentOf, readPolicyFile } from '../../policy/policy-file.js';
import { withCommandDatabase } from '../command-database.js';
import { type LineProgress, showLineProgress } from '../line-progress.js';

export interface ReplayRequest {
  policy: string;
  /** In milliseconds before now. */
  since: number;
  limit?: number;
  json?: boolean;
}

const SAMPLED =
  'All refusals are recorded. Of the permits, only those whose command was rejected and a sample of the others are recorded (DECISION_SAMPLE_RATE, which is not stored): more permits may change than are counted here.';

/** `parley policy replay`: what a draft of a policy would have decided otherwise. */
export async function runPolicyReplay({ policy, since: sinceMs, limit, json }: ReplayRequest): Promise<void> {
  const { document } = readPolicyFile(policy);
  const point = new CaslDecisionPoint(document);
  const until = new Date();
  const range = { since: new Date(until.getTime() - sinceMs), until, limit: limit ?? null };
  await withCommandDatabase(async (database) => {
    const log = new PrismaDecisionLog(database);
    const progress = new ReplayProgress(range.since, until);
    let replay: Replay;
    try {
      replay = await replayDecisions(
        log,
        new PolicyCache(log, documentOf),
        { document, decide: (attributes) => point.decide(attributes) },
        range,
        (looked, reached) => progress.reach(looked, reached),
      );
    } finally {
      progress.stop();
    }
    const result = { policy: document.version, since: range.since, until, ...totals(replay) };
    if (json === true)
      console.log(JSON.stringify({ ...result, flips: replay.flips.map(toFlip), note: SAMPLED }, null, 2));
    else for (const line of report(document.version, range.since, replay)) console.log(line);
  });
}

/**
 * Shown once there is more than a page. How many there are in all is estimated by how much of the time has been gone
 * through.
 */
class ReplayProgress {
  private shown: LineProgress | null = null;

  constructor(
    private readonly since: Date,
    private readonly until: Date,
  ) {}

  reach(looked: number, reached: Date): void {
    if (looked < REPLAY_PAGE) return;
    const [start, end] = [this.since.getTime(), this.until.getTime()];
    const gone = Math.max(1, reached.getTime() - start);
    const total = Math.max(looked, Math.round((looked * (end - start)) / gone));
    this.shown ??= showLineProgress('replayed', total, 'decisions');
    this.shown.estimate(total);
    this.shown.advance(looked - this.shown.lines);
  }

  stop(): void {
    this.shown?.stop();
  }
}

function toFlip({ from, ...flip }: Flip) {
  return { from, to: opposite(from), ...flip };
}

function opposite(effect: Flip['from']): Flip['from'] {
  return effect === 'permit' ? 'deny' : 'permit';
}

function totals({ permits, denies, flips }: Replay) {
  const flipped = (from: Flip['from']) =>
    flips.filter((flip) => flip.from === from).reduce((sum, { count }) => sum + count, 0);
  return { decisions: permits + denies, permits, denies, toDeny: flipped('permit'), toPermit: flipped('deny') };
}

function report(version: string, since: Date, replay: Replay): string[] {
  const { decisions, permits, denies, toDeny, toPermit } = totals(replay);
  return [
    `policy ${version} on the decisions since ${since.toISOString()}`,
    ...replay.flips.flatMap(({ from, recordedRule, draftRule, count, examples }) => [
      '',
      `${from} → ${opposite(from)}: ${count}`,
      `  recorded: ${recordedRule ?? 'no rule permitted it'}`,
      `  draft:    ${draftRule ?? 'no rule permits it'}`,
      `  examples: ${examples.join(', ')}`,
    ]),
    '',
    `${decisions} decisions checked: ${denies} refusals, ${permits} permits`,
    `${toDeny + toPermit} would change: ${toDeny} from permit to deny, ${toPermit} from deny to permit`,
    SAMPLED,
  ];
}
