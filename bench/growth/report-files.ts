import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TopLevelSpec } from 'vega-lite';
import { writePlot } from '../reporting/plot.js';

/**
 * Writes a report as JSON, as Markdown and with its plots, all under one name.
 * @returns the path of the Markdown file
 */
export async function writeReport(
  folder: string,
  name: string,
  result: object,
  markdown: string,
  plots: Readonly<Record<string, TopLevelSpec>>,
): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const images: string[] = [];
  for (const [plot, spec] of Object.entries(plots)) {
    await writePlot(join(folder, `${name}-${plot}.svg`), spec);
    images.push(`![${plot}](${name}-${plot}.svg)`);
  }
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
  const file = join(folder, `${name}.md`);
  writeFileSync(file, `${markdown}\n\n${images.join('\n\n')}\n`);
  return file;
}

/** `growth-20261125T2201-1a2b3c4d5e`. */
export function reportName(kind: string, at: Date, commit: string): string {
  return `${kind}-${at.toISOString().slice(0, 16).replaceAll(/[-:]/g, '')}-${commit.replace('+', '-changed')}`;
}

export function markdownTable(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...body.map(line)].join('\n');
}

/** Median, with lowest and highest in parentheses. */
export function spreadOf(values: readonly number[], digits: number): string {
  if (values.length === 0) return '–';
  const text = (value: number) => value.toFixed(digits);
  return `${text(median(values))} (${text(Math.min(...values))}–${text(Math.max(...values))})`;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2;
}
