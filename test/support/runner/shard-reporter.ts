/** A mocha reporter for one of several processes: reports progress to the parent, and prints failures at once. */
import Mocha from 'mocha';
import { cpuSeconds } from './cpu-time.js';

export type ShardReport =
  | { event: 'start'; tests: number }
  | { event: 'begun' | 'passed' | 'failed' | 'skipped'; test: string }
  /** `cpu`: seconds of processor time since the suite before, of this process and of what it has started. */
  | { event: 'suite'; title: string; file: string; seconds: number; cpu: number }
  | { event: 'end' };

const events = Mocha.Runner.constants;
const MS_PER_SECOND = 1000;

function tell(report: ShardReport): void {
  process.send?.(report);
}

export default class ShardReporter extends Mocha.reporters.Base {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    // Ends if the parent is killed. Listening for this does not keep the process alive.
    process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
    process.channel?.unref();

    runner.once(events.EVENT_RUN_BEGIN, () => tell({ event: 'start', tests: runner.total }));
    runner.on(events.EVENT_TEST_BEGIN, (test) => tell({ event: 'begun', test: test.fullTitle() }));
    runner.on(events.EVENT_TEST_PASS, (test) => tell({ event: 'passed', test: test.fullTitle() }));
    runner.on(events.EVENT_TEST_PENDING, (test) => tell({ event: 'skipped', test: test.fullTitle() }));
    runner.on(events.EVENT_TEST_FAIL, (test, error) => {
      Mocha.reporters.Base.list([Object.assign(test, { err: error })]);
      tell({ event: 'failed', test: test.fullTitle() });
    });
    let began = 0;
    let cpuBefore = 0;
    runner.on(events.EVENT_SUITE_BEGIN, (suite) => {
      if (suite.parent?.root) began = performance.now();
    });
    runner.on(events.EVENT_SUITE_END, ({ parent, title, file = '' }) => {
      if (!parent?.root) return;
      const cpuNow = cpuSeconds();
      const seconds = (performance.now() - began) / MS_PER_SECOND;
      tell({ event: 'suite', title, file, seconds, cpu: cpuNow - cpuBefore });
      cpuBefore = cpuNow;
    });
    runner.once(events.EVENT_RUN_END, () => tell({ event: 'end' }));
  }
}
