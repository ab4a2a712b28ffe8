/** The kinds of fault that Parley is to stand, in the order of the report. Each is played by scenarios, by tests as they stand, or by both. */
export const ROWS = [
  'kill -9 at each step',
  'the reply to COMMIT is lost',
  'confirm lost, channel closed, double ack, null delivery',
  'broker restarted, half-open, out of memory or disk',
  'event returned or refused',
  'database restarted, serialization, deadlock, pool exhausted, no answer',
  'disk full',
  'poison command in a batch',
  'hand-over and shutdown mid-batch, two owners, a frozen owner',
  'same id at once, same id with other content',
  'member removed while sending',
  'policy or attributes away',
  'clocks skewed an hour',
  'slow or absent dispatch',
  'hostile bytes',
  'JWT: what proves nobody',
  "REST: others' ids, cursors, page sizes",
  'relay killed or frozen, its sink or database away',
] as const;

export type Row = (typeof ROWS)[number];

/** What came of one scenario, or of a set of tests. */
export interface Played {
  readonly row: Row;
  readonly name: string;
  readonly faults: readonly string[];
  /** Why it could not be played here. */
  readonly skipped?: string | undefined;
}

/** One line for each row: `failed` where anything of it did, `not played` where nothing of it was, `partly` where something was skipped. */
export function tableOf(played: readonly Played[]): { row: Row; state: string; by: string[] }[] {
  return ROWS.map((row) => {
    const of = played.filter((one) => one.row === row);
    const skipped = of.filter((one) => one.skipped !== undefined);
    let state = 'passed';
    if (of.some(({ faults }) => faults.length > 0)) state = 'FAILED';
    else if (of.length === skipped.length) state = 'NOT PLAYED';
    else if (skipped.length > 0) state = 'partly';
    return { row, state, by: of.map(({ name }) => name) };
  });
}
