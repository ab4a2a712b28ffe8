/**
 * The kinds of fault that Parley must tolerate, in the order of the report. Each is covered by scenarios, by existing
 * tests, or by both.
 */
export const ROWS = [
  'kill -9 at each step',
  'lost reply to COMMIT',
  'lost confirm, closed channel, double acknowledgement, null delivery',
  'broker restarted, half-open connections, memory or disk alarm',
  'event returned or refused',
  'database restarted, serialization failure, deadlock, exhausted connections, no response',
  'disk full',
  'poison command in a batch',
  'take-over and shutdown within a batch, two owners, a frozen owner',
  'the same command id at the same time, the same id with other content',
  'member removed while sending',
  'policy or attributes unavailable',
  'clocks skewed by an hour',
  'slow or absent dispatch consumer',
  'hostile input',
  'invalid tokens (JWT)',
  "REST: other users' ids, cursors, page sizes",
  'relay killed or frozen, its sink or database unavailable',
] as const;

export type Row = (typeof ROWS)[number];

/** The outcome of one scenario or of one set of tests. */
export interface Played {
  readonly row: Row;
  readonly name: string;
  readonly faults: readonly string[];
  /** Why it could not run on this machine. */
  readonly skipped?: string | undefined;
}

/** One line per row: FAILED if anything failed, NOT RUN if nothing ran, `partly` if something was skipped. */
export function tableOf(played: readonly Played[]): { row: Row; state: string; by: string[] }[] {
  return ROWS.map((row) => {
    const of = played.filter((one) => one.row === row);
    const skipped = of.filter((one) => one.skipped !== undefined);
    let state = 'passed';
    if (of.some(({ faults }) => faults.length > 0)) state = 'FAILED';
    else if (of.length === skipped.length) state = 'NOT RUN';
    else if (skipped.length > 0) state = 'partly';
    return { row, state, by: of.map(({ name }) => name) };
  });
}
