import cliProgress from 'cli-progress';

const LINE_INTERVAL_MS = 5_000;
const TITLE_WIDTH = 24;

export interface Progress {
  at(done: number): void;
  end(): void;
}

/** Shows progress on stderr: a bar on a terminal, otherwise a line every few seconds. */
export function showProgress(title: string, total: number): Progress {
  return process.stderr.isTTY ? bar(title, total) : lines(title, total);
}

function bar(title: string, total: number): Progress {
  const one = new cliProgress.SingleBar(
    { format: `${title.padEnd(TITLE_WIDTH)} [{bar}] {value}/{total}, {duration} s`, stream: process.stderr },
    cliProgress.Presets.legacy,
  );
  one.start(total, 0);
  return { at: (done) => one.update(done), end: () => one.stop() };
}

function lines(title: string, total: number): Progress {
  let next = 0;
  return {
    at: (done) => {
      if (performance.now() < next) return;
      next = performance.now() + LINE_INTERVAL_MS;
      console.error(`${title}: ${done}/${total}`);
    },
    end: () => undefined,
  };
}
