import cliProgress from 'cli-progress';

/** Where no terminal shows a bar: one line in so many milliseconds. */
const PROGRESS_LINE_INTERVAL_MS = 5_000;

export interface LineProgress {
  readonly lines: number;
  advance(lines: number): void;
  /** A better estimate of how many there are in all. */
  estimate(total: number): void;
  /** May be called again. */
  stop(): void;
}

/**
 * On standard error: a bar on a terminal, else a line now and then. `total` is an estimate; null: unknown. `unit`: what
 * is counted.
 */
export function showLineProgress(verb: string, total: number | null, unit = 'lines'): LineProgress {
  let lines = 0;
  const show = process.stderr.isTTY ? showBar(verb, total, unit) : showLines(() => `parley: ${verb} ${lines} ${unit}`);
  return {
    get lines() {
      return lines;
    },
    advance(by) {
      lines += by;
      show.update(lines);
    },
    estimate: show.estimate,
    stop: show.stop,
  };
}

function showBar(verb: string, total: number | null, unit: string) {
  const format =
    total === null
      ? `${verb} {value} ${unit}`
      : `${verb} [{bar}] {percentage} % | {value} of about {total} ${unit} | {eta_formatted}`;
  const bar = new cliProgress.SingleBar({ format, stream: process.stderr, hideCursor: true });
  bar.start(total ?? 0, 0);
  return {
    update: (lines: number) => bar.update(lines),
    estimate: (better: number) => bar.setTotal(better),
    stop: () => bar.stop(),
  };
}

function showLines(text: () => string) {
  const timer = setInterval(() => console.error(text()), PROGRESS_LINE_INTERVAL_MS);
  return { update: () => undefined, estimate: () => undefined, stop: () => clearInterval(timer) };
}
