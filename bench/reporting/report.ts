import { median } from '../measuring/quantiles.js';

/** The median, with the lowest and highest in parentheses. */
export function spread(values: readonly number[], digits: number): string {
  if (values.length === 0) return '–';
  const text = (value: number) =>
    value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const middle = text(median(values));
  return values.length === 1 ? middle : `${middle} (${text(Math.min(...values))}–${text(Math.max(...values))})`;
}

/** A table with aligned columns, for a terminal. */
export function table(rows: readonly string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** A table in Markdown; the first row is the head. */
export function markdownTable([head = [], ...rows]: readonly string[][]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
