import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchResult } from './bench-result.js';
import { goalsOf, isMet } from './goals.js';
import { writePlot } from './plot.js';
import { markdown } from './report-markdown.js';
import { plotsOf } from './report-plots.js';

/**
 * Writes the report as JSON and Markdown, and its plots as SVG, named by start time and commit. Returns the path of the
 * Markdown file.
 */
export async function writeReport(folder: string, result: BenchResult): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const name = `${result.startedAt.slice(0, 19).replaceAll(':', '')}Z-${result.commit.replace('+', '-changed')}`;
  const plots: Record<string, string> = {};
  for (const [title, spec] of Object.entries(plotsOf(result))) {
    plots[title] = `${name}-${title}.svg`;
    await writePlot(join(folder, `${name}-${title}.svg`), spec);
  }
  const goals = goalsOf(result).map((goal) => ({ ...goal, met: isMet(goal) }));
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify({ ...result, goals }, null, 2)}\n`);
  const file = join(folder, `${name}.md`);
  writeFileSync(file, markdown(result, plots));
  return file;
}
