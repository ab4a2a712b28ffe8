/** The report of `npm run bench -- realtime`: phases of one or several runs, as JSON and Markdown with plots. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reportName } from '../growth/report-files.js';
import { currentCommit, loadNow, type Machine } from '../reporting/machine.js';
import { linePlot, writePlot } from '../reporting/plot.js';
import { markdownTable } from '../reporting/report.js';
import type { Measured } from './figures.js';

export const PHASES = ['idle', 'throughput', 'latency', 'rolling'] as const;
export type Phase = (typeof PHASES)[number];

const TITLES: { [P in Phase]: string } = {
  idle: 'Idle connections, and all of them back at once',
  throughput: 'Pushes per second',
  latency: 'Latency',
  rolling: 'A rolling restart',
};

/** A phase, when and where it was measured. */
export interface MeasuredPhase extends Measured {
  at: string;
  commit: string;
  loadAfter: number;
}
type RealtimeResult = { [P in Phase]?: MeasuredPhase };

export class RealtimeReport {
  private readonly result: RealtimeResult;

  /** `name`: that of an earlier report, to which phases are added. Default: a new one. */
  constructor(
    private readonly folder: string,
    private readonly name = reportName('realtime', new Date(), currentCommit()),
  ) {
    const file = this.path('json');
    this.result = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as RealtimeResult) : {};
  }

  /** Replaces the phase, and writes the report. Returns the path of the Markdown file. */
  async add(phase: Phase, at: Date, measured: Measured): Promise<string> {
    this.result[phase] = {
      ...{ at: at.toISOString(), commit: currentCommit(), loadAfter: loadNow() },
      ...measured,
    };
    mkdirSync(this.folder, { recursive: true });
    for (const [plot, { title, subtitle, y, points }] of Object.entries(measured.plots))
      await writePlot(
        this.path(`${plot}.svg`),
        linePlot({ title, subtitle, x: { title: 'seconds' }, y: { title: y }, points }),
      );
    writeFileSync(this.path('json'), `${JSON.stringify(this.result, null, 1)}\n`);
    writeFileSync(this.path('md'), this.markdown());
    return this.path('md');
  }

  private path(ending: string): string {
    return join(this.folder, `${this.name}${ending.includes('.') ? '-' : '.'}${ending}`);
  }

  private markdown(): string {
    const phases = PHASES.flatMap((phase) => {
      const measured = this.result[phase];
      return measured === undefined ? [] : [{ phase, ...measured }];
    });
    const goals = phases.flatMap(({ figures }) => figures.filter(({ isMet }) => isMet !== null));
    const sections = phases.map(({ phase, at, commit, machine, loadAfter, figures, notes, plots }) =>
      [
        `## ${TITLES[phase]}`,
        `${at}, commit ${commit}; load average ${machine.loadBefore} at the beginning, ${loadAfter} at the end.`,
        markdownTable([['', ''], ...figures.map(({ name, value }) => [name, value])]),
        ...notes,
        ...Object.keys(plots).map((plot) => `![${plot}](${this.name}-${plot}.svg)`),
      ].join('\n\n'),
    );
    const [first] = phases;
    const { cpu, cores, memoryGib, kernel, node, postgres, rabbitmq } = first?.machine ?? ({} as Partial<Machine>);
    return `${[
      '# Realtime',
      `${cpu}, ${cores} cores, ${memoryGib} GiB, ${kernel}; Node ${node}, PostgreSQL ${postgres}, RabbitMQ ${rabbitmq}. The clients run on the same processors.`,
      markdownTable([
        ['goal', 'came to', ''],
        ...goals.map(({ name, value, goal, isMet }) => [`${name}: ${goal}`, value, isMet ? 'met' : '**missed**']),
      ]),
      ...sections,
    ].join('\n\n')}\n`;
  }
}
